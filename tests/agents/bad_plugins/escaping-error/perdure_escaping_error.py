raise RuntimeError("\x1b]0;title\x07\u202etxet\r\x00end\nPlugins that work: all")
