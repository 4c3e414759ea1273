import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { ScimTokenContext } from '../../lib/index.ts'
import { path } from './host.ts'

/** What a store is told, with a real request of Fastify's, of which it looks at no more than the headers. */
export async function makeContext<User extends object> (user: User, headers: Record<string, string> = {}): Promise<ScimTokenContext<User>> {
  const app = Fastify()
  const request = await new Promise<FastifyRequest>((resolve, reject) => {
    app.get('/', async (request) => { resolve(request) })
    app.inject({ url: '/', headers }).catch(reject)
  })
  return { request, user }
}

/** Answers the port of 127.0.0.1 on which the host listens from now on. */
export async function listen (app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

export interface Answer {
  status: number
  headers: Headers
  body: string
}

/** Sends a POST that generates a token over a socket of its own, byte for byte, and reads until it is closed. */
export async function exchange (port: number, headers: Record<string, string | string[]>, body = ''): Promise<Answer> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(head(headers) + body)
  return parse(await text(socket))
}

/** The head of a POST that generates a token. It has no header that is not asked for, but what HTTP needs. */
export function head (headers: Record<string, string | string[]>): string {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers })
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`))
  return [`POST ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

function parse (response: string): Answer {
  const end = response.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = response.slice(0, end).split('\r\n')
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Headers(lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)])),
    body: response.slice(end + 4)
  }
}
