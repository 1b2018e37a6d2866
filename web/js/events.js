// Server-sent events (HTML standard, section 9.2), read through fetch: EventSource cannot send a token.

const END = /\r?\n\r?\n/;

/**
 * Yield the events of a stream, `{event, data, id}`, until it ends.
 *
 * @param {ReadableStream} body Of an answer with media type text/event-stream.
 * @param {number} silence Milliseconds without a sign of life after which the stream counts as dead.
 */
export async function* events(body, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (let part = await heard(reader, silence); !part.done; part = await heard(reader, silence)) {
      const blocks = (rest + part.value).split(END);
      rest = blocks.pop();
      for (const event of blocks.map(parsed)) {
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function heard(reader, silence) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the stream is silent")), silence);
  });
  try {
    return await Promise.race([reader.read(), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

function parsed(block) {
  const event = { event: "message", data: "", id: null };
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^(event|data|id): ?(.*)$/.exec(line) ?? [];
    if (name === "data") event.data += (event.data && "\n") + value;
    else if (name) event[name] = value;
  }
  return event;
}
