require_relative "../app/controllers/visits_controller"

module App
  ROUTES = lambda do |env|
    case env["PATH_INFO"]
    when "/up" then [200, { "content-type" => "text/plain" }, ["up\n"]]
    when "/" then VisitsController.new.index
    else [404, { "content-type" => "text/plain" }, ["not found\n"]]
    end
  end
end
