<?php

require __DIR__ . '/../bootstrap/app.php';

$routes = require __DIR__ . '/../routes/web.php';
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!isset($routes[$path])) {
    http_response_code(404);
    exit("not found\n");
}
echo $routes[$path]();
