require "pg"

class VisitsController
  def index
    db = PG.connect(ENV.fetch("DATABASE_URL"))
    count = db.exec("INSERT INTO visits DEFAULT VALUES RETURNING id").getvalue(0, 0)
    [200, { "content-type" => "text/plain" }, ["Rails-shaped, visit #{count}\n"]]
  ensure
    db&.close
  end
end
