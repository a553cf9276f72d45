"""Server-rendered pages; knows all below, holds no rule."""
