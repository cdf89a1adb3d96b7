"""A Django project in a module: settings, a task, two views."""

from __future__ import annotations

import requests
from celery import Celery
from django.http import HttpRequest, JsonResponse
from django.urls import path

SECRET_KEY = "of an example"  # noqa: S105 -- it protects nothing
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop"
STATIC_URL = "static/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

API = "http://api.example.test"

app = Celery("shop", broker="memory://", backend="cache+memory://")


@app.task
def count_words(user: int) -> int:
    posts = requests.get(f"{API}/posts", params={"user": user}).json()
    return sum(post["words"] for post in posts)


def profile(_request: HttpRequest, user: int) -> JsonResponse:
    return JsonResponse({"name": requests.get(f"{API}/users/{user}").json()["name"]})


def words(_request: HttpRequest, user: int) -> JsonResponse:
    return JsonResponse({"words": count_words.delay(user).get(timeout=60)})


urlpatterns = [path("profile/<int:user>", profile), path("words/<int:user>", words)]
