import { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'

// Timers and other I/O get their turn after this many responses, as they do between reads from sockets.
const responsesPerTurn = 32

/**
 * Emits requests on a server, without a network.
 *
 * @param request its method, url and authorization header, the status that the response must have, the number
 * of requests, and how many of them are under way at once
 * @param statements returns the number of SQL statements that were sent so far
 * @returns microseconds of CPU time, microseconds of elapsed time and SQL statements of one request
 */
export function emitRequests (server, { method, url, authorization, status, count, concurrency }, statements = () => 0) {
  return new Promise((resolve, reject) => {
    let emitted = 0
    let responses = 0
    const before = { cpu: process.cpuUsage(), time: performance.now(), statements: statements() }
    while (emitted < Math.min(concurrency, count)) emit(new Discarding())

    function emit (socket) {
      emitted++
      const response = emitRequest(server, socket, { method, url, authorization })
      response.on('finish', () => {
        response.detachSocket(socket)
        if (response.statusCode !== status) return reject(new Error(`${method} ${url}: ${response.statusCode} in place of ${status}`))
        if (++responses === count) return resolve(perRequest(before))
        if (emitted === count) return
        if (responses % responsesPerTurn === 0) setImmediate(emit, socket)
        else emit(socket)
      })
    }

    function perRequest ({ cpu, time, statements: sent }) {
      const { user, system } = process.cpuUsage(cpu)
      return { cpu: (user + system) / count, elapsed: (performance.now() - time) * 1000 / count, statements: (statements() - sent) / count }
    }
  })
}

/** Emits one request as Node.js does once it has parsed its headers, and returns the response. */
export function emitRequest (server, socket, { method, url, authorization }) {
  const request = Object.assign(new IncomingMessage(socket), {
    method,
    url,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    headers: { host: '127.0.0.1', connection: 'keep-alive', authorization },
    complete: true
  })
  request.push(null)
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  server.emit('request', request, response)
  return response
}

/** A connection that swallows what is written. */
export class Discarding extends Duplex {
  _read () {}

  _write (_chunk, _encoding, callback) { callback() }
}
