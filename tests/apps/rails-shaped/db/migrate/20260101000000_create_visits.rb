class CreateVisits
  def up = "CREATE TABLE visits (id serial PRIMARY KEY, at timestamptz DEFAULT now())"
  def down = "DROP TABLE visits"
end
