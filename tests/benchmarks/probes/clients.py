"""The clients as one function each: a caller of so many paths, and what closes it."""

import asyncio


def caller(name):
    """What makes requests for URLs: one after another, with aiohttp all at once if asked."""
    if name == "aiohttp":
        return _aiohttp()
    if name == "requests":
        import requests

        client = requests.Session()
    else:
        import httpx

        client = httpx.Client()
    return lambda urls, **_: [client.get(url).text for url in urls], client.close


def _aiohttp():
    import aiohttp

    loop = asyncio.new_event_loop()

    async def make():
        return aiohttp.ClientSession()

    async def get(url):
        async with client.get(url) as response:
            return await response.text()

    async def all_of(urls, *, is_at_once):
        if is_at_once:
            return await asyncio.gather(*map(get, urls))
        return [await get(url) for url in urls]

    def call(urls, *, is_at_once=False):
        return loop.run_until_complete(all_of(urls, is_at_once=is_at_once))

    def close():
        loop.run_until_complete(client.close())
        loop.close()

    client = loop.run_until_complete(make())
    return call, close
