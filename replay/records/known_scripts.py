"""Scripts of queue libraries that do not say what they are called, by their SHA-1.

A library's new release that changes a script's text has another SHA-1: then the script
is told by that until it stands here. tests/replay/test_scripts.py goes through the
recorded histories.

Source: asynq 0.26.0, Celery 5.7.0, Huey 3.5.4, redis-py 8.1.0 (its locks), RQ 3.0.0,
SAQ 0.26.4, Sidekiq 6.4.1.
"""

from __future__ import annotations

from typing import Final

KNOWN: Final = {
    "98d28b42650870a743450ffda9791e9e19c6991b": b"asynq:enqueue",
    "297b3f9abfd963a3316434ef9d88fc5bf8a7ddc3": b"asynq:enqueue-unique",
    "8ce6b38a99b73194585c251eb3c2a89559f37a87": b"asynq:schedule",
    "074af2c5a4623800684c1b0e4e328c2500f06815": b"asynq:add-to-group",
    "ffa79e9140e5aafb8e967e8d3e5f4eaefb648091": b"asynq:delete-task",
    "c3183bd2c882c715c12e3e44b9c09df7d91de1ad": b"asynq:archive-task",
    "2fb646810e3433bbe85fba1a6b407eb3eced7b63": b"asynq:run-task",
    "a8153319360adc71cdc370107f8ab9786f204765": b"asynq:dequeue",
    "3c8548ad44d0dfcfde50f07ea9271d77f656042c": b"asynq:write-server-state",
    "79cf8dbc80deca37314fdfdeb9fe33a12c9baad7": b"asynq:clear-server-state",
    "117dca952700588e559c7ace20b925096d587974": b"asynq:mark-as-complete",
    "ce6833ccce362a8c0ee53beee413341daf52e39c": b"asynq:mark-unique-as-complete",
    "1241eaa1c73409baaf1fea0c08d203a4911bda15": b"asynq:done",
    "65fa409c88198a681c53e0892d8276eca0145694": b"asynq:retry",
    "9c3b1eb9947ce2ee5304ac013a0a365ec364fd2d": b"asynq:archive",
    "522b1a6ae66fe79ea2f24a9af58798ab71879035": b"asynq:forward",
    "49c4326d80c1db9c476da2aa7f4438d03688f82b": b"asynq:delete-expired-completed",
    "a3812898e6caa8ef58d4cda34cd41a1023157e43": b"asynq:check-aggregation",
    "f78335554f1a49a26ac08c02e9f50237e38fae18": b"asynq:delete-aggregation-set",
    "8c58fe6e892f2c0a29249a47799023654d4551c9": b"asynq:delete-all-pending",
    "a095473ab1d8e275758ea446baa43bb582eac0a8": b"asynq:remove-queue",
    "5feb3e91ca9086f0335575fa366ac2b94ec7b886": b"asynq:record-enqueue-event",
    "ef7a9e205fbaf46bf959e1522ff796622fc676c7": b"celery:register-binding",
    "b8fc152c83a7e634103ccebd49dcd3146a8f4366": b"celery:chord-add-result",
    "dc87180d6bcb7f73c7275eb0fe7a70baf0a8b7c7": b"celery:chord-renew-claim",
    "59d7aab41242d82196947ba8926cab712416da4f": b"celery:chord-clean-up",
    "4f30a2b0c2d7759adb15efd0d270a583531c67e2": b"huey:read-schedule",
    "c3f8721cbb97f72bc19e972846bd7aaf91901658": b"redis-py:release-lock",
    "a4e8783852e6b949f9ef3a97212805108459a890": b"redis-py:extend-lock",
    "1cac51482acf5858da00f6d685d68f886cd6b6b2": b"redis-py:reacquire-lock",
    "5b83f28203fe8c5d659dad4a4d9cb09dddab19fe": b"rq:promote-rate-limited",
    "a716b92c4190e42558ccd53d80fe6b942719be32": b"rq:release-rate-limited",
    "b3ee5dcfdd9c987f22a7271c7eea4d326e2f58d6": b"rq:empty-queue",
    "4227fa753143e6f652e2e185d254964b3a7413a5": b"rq:acquire-lock",
    "ea8b6c26e8c973dbd29726877609b65535b2dcc1": b"saq:enqueue",
    "b88a690e4d05a2918219899b06e14ed11b6ec0f0": b"saq:schedule",
    "0e353634d0665eba21e8bf8729a528c90136336c": b"saq:sweep",
    "f4a8a5467f9f4697a26fdfb839476b9ee52e897c": b"sidekiq:pop-scheduled",
}
"""What each is called here: the library's name, and what the script does."""
