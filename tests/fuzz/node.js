// Node's own HTTP server as a witness: reads streams from standard input, each `count` pieces of `length`
// bytes (both as 32-bit numbers, big endian), and prints what the server makes of each as a line of JSON.
'use strict';

const http = require('node:http');
const { Duplex } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');

class Connection extends Duplex {
  constructor() {
    super();
    this.requests = [];
    this.isRefused = false;
  }

  get isOver() {
    return this.isRefused || this.destroyed || this.writableEnded;
  }

  _read() {}

  _write(chunk, _encoding, done) {
    // All that is written without a request of ours being answered is the server's own refusal.
    if (/^HTTP\/1\.1 4/.test(chunk.toString('latin1'))) this.isRefused = true;
    done();
  }
}

function take(request, response) {
  const pieces = [];
  const taken = { isWhole: false };
  request.socket.requests.push(taken);
  request.on('data', (piece) => pieces.push(piece));
  request.on('error', () => {});
  request.on('end', () => {
    Object.assign(taken, {
      isWhole: request.complete,
      method: request.method,
      target: request.url,
      headers: request.rawHeaders,
      body: Buffer.concat(pieces).toString('latin1'),
    });
    response.statusCode = 202;
    response.end();
  });
}

const server = http.createServer({ maxHeaderSize: 1 << 20, requestTimeout: 0, headersTimeout: 0 }, take);
server.maxHeadersCount = 0;
server.on('checkContinue', (request, response) => {
  response.writeContinue();
  take(request, response);
});
server.on('checkExpectation', take);
server.on('clientError', (_error, connection) => {
  connection.isRefused = true; // and left alone: requests that came whole before it are yet to be told
});

async function read(pieces) {
  const connection = new Connection();
  connection.on('error', () => {});
  server.emit('connection', connection);
  for (const piece of pieces) {
    if (connection.isOver) break;
    connection.push(piece);
    await turn();
  }
  const isClosed = connection.isOver;
  if (!isClosed) {
    connection.push(null);
    await turn();
  }
  const whole = connection.requests.findIndex((each) => !each.isWhole);
  const requests = whole < 0 ? connection.requests : connection.requests.slice(0, whole);
  const isRefused = connection.isRefused || whole >= 0;
  connection.destroy();
  return { requests, end: isRefused ? 'refused' : isClosed ? 'closed' : 'idle' };
}

async function main() {
  const input = require('node:fs').readFileSync(0);
  const lines = [];
  for (let at = 0; at < input.length; ) {
    const pieces = [];
    let count = input.readUInt32BE(at);
    for (at += 4; count > 0; count -= 1) {
      const end = at + 4 + input.readUInt32BE(at);
      pieces.push(input.subarray(at + 4, end));
      at = end;
    }
    lines.push(JSON.stringify(await read(pieces)));
  }
  process.stdout.write(lines.join('\n'));
}

main();
