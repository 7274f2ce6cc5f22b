"""The coordinator: holds the manifest, admits workers, grants keys, keeps the log.

Its decisions are made by one pure function (`room.step`); everything else here carries events in
and effects out. It never sees a row, and it loads nothing that could read one.
"""
