<?php

return [
    '/' => function (): string {
        $db = database();
        $db->exec('INSERT INTO visits DEFAULT VALUES');

        return 'Laravel-shaped, visit ' . $db->query('SELECT count(*) FROM visits')->fetchColumn() . "\n";
    },
    '/up' => fn (): string => "up\n",
];
