"""The people of the desk: who may see and do what, and how they prove who they are.

Read it in this order:

- `roles`: what a person may do. `passwords`, `second_factor`: pure checks of what they type.
- `sign_in`: sign in and out, sessions, and the waits after wrong passwords.
- `administration`: adds people, changes their roles and passwords.
- `acts`: records an act in the audit log, before it and after it.

People are the same for all merchant accounts, and have a role in each (docs/adr/0020). This package
imports the store and small values. The desk and the command line use it.
"""
