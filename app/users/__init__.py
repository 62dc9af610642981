"""Users: who there is, how they prove who they are, and what each may do (ACL)."""
