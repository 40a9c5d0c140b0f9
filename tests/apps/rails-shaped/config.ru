require_relative "config/routes"

run App::ROUTES
