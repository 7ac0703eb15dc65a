"""`python -m seatwarden` is the command `seatwarden`."""

from seatwarden.runtime.commands import main

main()
