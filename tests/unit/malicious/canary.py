"""The canary: a command that leaves a file behind, and a module whose classes do so when they are touched."""

COMMAND_TEXT = "echo x>canary"
SOURCE = f"__import__('os').system('{COMMAND_TEXT}')"
EXTENSIONS = {1: "\x82\x01", 0x1234: "\x83\x34\x12", 0x12345678: "\x84\x78\x56\x34\x12"}
CANARY = "secateur_canary"
CANARY_SOURCE = """
import os
from os import system

def touch(*_, **__):
    open("canary", "w").close()
    return {}

class Trap:
    def __new__(cls, *args, **kwargs):
        touch()
        return object.__new__(cls)

class Restored:
    def __setstate__(self, state):
        touch()

class LoudDict(dict):
    def __setitem__(self, key, value):
        touch()

class LoudList(list):
    def extend(self, values):
        touch()
    append = extend

class Loud:
    def __hash__(self):
        touch()
        return 1
    def __eq__(self, other):
        touch()
        return True

class Net:
    def __setstate__(self, state):
        touch()

touch()
"""
