import { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'

// Timers and other I/O get their turn after this many responses, as they do between reads from sockets.
const responsesPerTurn = 32

/**
 * Emits requests on a server, without a network, for a while.
 *
 * @param request its method, path, authorization header, the status that the response must have, and
 * the number of requests that are under way at once
 * @returns the number of requests, and the CPU time and the elapsed time of one, in microseconds
 */
export function emitRequests (server, { method, path, authorization, status, concurrency }, milliseconds) {
  return new Promise((resolve, reject) => {
    let requests = 0
    let underWay = concurrency
    let over = false
    const cpu = process.cpuUsage()
    const start = performance.now()
    for (let i = 0; i < concurrency; i++) emit(new Discarding())

    function emit (socket) {
      const request = Object.assign(new IncomingMessage(socket), {
        method,
        url: path,
        httpVersion: '1.1',
        httpVersionMajor: 1,
        httpVersionMinor: 1,
        headers: { host: '127.0.0.1', connection: 'keep-alive', authorization },
        complete: true
      })
      request.push(null)
      const response = new ServerResponse(request)
      response.assignSocket(socket)
      response.on('finish', () => {
        response.detachSocket(socket)
        if (response.statusCode !== status) return reject(new Error(`${method} ${path}: ${response.statusCode} in place of ${status}`))
        requests++
        if (requests % responsesPerTurn === 0) over ||= performance.now() - start > milliseconds
        if (over) return --underWay === 0 && resolve(result())
        if (requests % responsesPerTurn === 0) setImmediate(emit, socket)
        else emit(socket)
      })
      server.emit('request', request, response)
    }

    function result () {
      const { user, system } = process.cpuUsage(cpu)
      return {
        requests,
        cpuMicroseconds: (user + system) / requests,
        elapsedMicroseconds: (performance.now() - start) * 1000 / requests
      }
    }
  })
}

/** A connection that swallows what is written. */
class Discarding extends Duplex {
  _read () {}

  _write (_chunk, _encoding, callback) { callback() }
}
