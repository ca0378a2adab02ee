"""What every test needs: no screen, and settings that are not the user's."""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"
