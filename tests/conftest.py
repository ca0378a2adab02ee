"""What every test needs: no screen, and settings and notes that are not the user's."""

import os
import tempfile

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="secateur-tests-")
