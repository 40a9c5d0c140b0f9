<?php

return [
    'up' => 'CREATE TABLE visits (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP)',
    'down' => 'DROP TABLE visits',
];
