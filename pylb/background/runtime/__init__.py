"""The runtime socket (`stats socket`): HAProxy's command line interface (management manual 9.3).

`service` accepts and carries sessions, `parsing` turns bytes into commands, `help` lists and suggests; each command
lives in a file of its family and is registered with registry.command. A command's factory is `async (call: Call)`.
"""
