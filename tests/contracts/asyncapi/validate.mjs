// Reads an AsyncAPI document from standard input, writes the official parser's diagnostics as JSON to
// standard output: severity 0 is an error, 1 a warning, 2 information, 3 a hint.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const found = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path }));
const operations = document ? document.allOperations().all() : [];
const summary = operations.map((each) => ({
  id: each.id(),
  action: each.action(),
  channels: each.channels().all().map((channel) => channel.address()),
  messages: each.messages().all().map((message) => message.name()),
}));
process.stdout.write(JSON.stringify({ diagnostics: found, operations: summary }));
