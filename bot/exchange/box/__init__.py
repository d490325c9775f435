"""The exchange in a box: a loopback server that an unchanged client library takes for Binance Spot.

A program of its own: it imports nothing of the bot but `kernel`, reads its own clock and writes its
own file. `server.start_box` runs it in a thread, `server.serve_forever` as a process, and
`client.BoxControl` steers it.
"""
