"""What the black box tests share: the server process, clients of every protocol, and the record of behaviours shown."""
