"""An open cassette: decide on each request, play it or hand it to the recorder."""
