import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const idleLimit = 10_000

/** Starts listening on a free port of 127.0.0.1 and returns the URL. */
export async function listen (app: FastifyInstance): Promise<string> {
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

/** Connects to the server at a URL such as `http://127.0.0.1:4242`. */
export async function openSocket (url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  return socket
}

/**
 * Returns all bytes received until the connection is closed, as Latin-1.
 *
 * @throws Error if nothing is sent or received for ten seconds
 */
export async function readAll (socket: Socket): Promise<string> {
  let received = ''
  let timedOut = false
  socket.setEncoding('latin1').on('data', (text) => { received += text })
  socket.setTimeout(idleLimit, () => {
    timedOut = true
    socket.destroy()
  })
  // A server that rejects a request early may reset the connection after its response.
  socket.on('error', () => {})
  await new Promise((resolve) => { socket.on('close', resolve) })
  if (timedOut) throw new Error(`The server did not close the connection. It sent:\n${received}`)
  return received
}

/** Sends each part in a write of its own and returns all that is received until the server closes the connection. */
export async function exchange (url: string, ...parts: (string | Uint8Array)[]): Promise<string> {
  const socket = await openSocket(url)
  const received = readAll(socket)
  for (const part of parts) await new Promise<void>((resolve) => { socket.write(part, () => { resolve() }) })
  return await received
}

/** Returns the status codes of all responses received on one connection, in order. */
export function statusCodes (received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}

export interface HttpResponse {
  status: number
  headers: Headers
  body: string
}

/** Parses one response. */
export function parseResponse (received: string): HttpResponse {
  const end = received.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = received.slice(0, end).split('\r\n')
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Headers(lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)])),
    body: received.slice(end + 4)
  }
}
