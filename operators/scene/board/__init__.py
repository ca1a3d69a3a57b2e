"""The face board: an armature beside a face whose controls drive its expressions, and bones that turn head and jaw."""
