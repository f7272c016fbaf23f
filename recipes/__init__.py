"""The kinds of artifact that Quire makes. Order: base < spine, and a folder per recipe < registry < planning.

Recipes of other packages import `spine`, the public interface.
"""
