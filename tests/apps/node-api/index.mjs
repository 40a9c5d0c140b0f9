import { createServer } from "node:http";

const server = createServer((request, response) => {
  const known = ["/", "/health"].includes(request.url);
  response.writeHead(known ? 200 : 404, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ mode: process.env.NODE_ENV, secret: Boolean(process.env.SESSION_SECRET) }));
});
server.listen(4000);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
