"""One run without pytest: what `use_cassette` and the plugin share."""
