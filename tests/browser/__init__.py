"""A person at the API's page, played by headless Chromium: for a test, and for the picture in the README."""
