"""The profile q8r: operators that round each line to eight bits."""
