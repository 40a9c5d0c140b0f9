#!/usr/bin/env node
// Stands in for the real react-scripts: it answers at 3000, and ends at SIGTERM.
const http = require("node:http");

const server = http.createServer((request, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end(`<h1>Atlas Investor</h1><script>const API = "${process.env.REACT_APP_API_URL}"</script>`);
});
server.listen(3000);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
