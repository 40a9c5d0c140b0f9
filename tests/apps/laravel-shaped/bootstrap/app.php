<?php

function database(): PDO
{
    $db = new PDO('sqlite:' . getenv('DB_DATABASE'), options: [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    $db->exec('PRAGMA busy_timeout = 5000');

    return $db;
}
