import { once } from 'node:events'
import http, { type OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:http2'
import https from 'node:https'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

/** A request of a client, sent as it is. */
export interface ClientRequest {
  method?: string
  path: string
  headers?: OutgoingHttpHeaders
  body?: string | Buffer
}

/** A response with its decompressed body. */
export interface ClientResponse {
  status: number
  headers: Record<string, unknown>
  body: string
}

/** A client of one host. */
export interface Client {
  /** The origin of the host, such as `http://127.0.0.1:4242`. */
  origin: string
  send: (request: ClientRequest) => Promise<ClientResponse>
}

/** Starts to listen on a free port and returns a client for the host's protocol. */
export async function startClient (t: Test, app: FastifyInstance): Promise<Client> {
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return { origin, send: app.initialConfig.http2 ? overHttp2(t, origin) : overHttp1(origin) }
}

function overHttp1 (origin: string): Client['send'] {
  const { request } = origin.startsWith('https:') ? https : http
  return async ({ method = 'GET', path, headers = {}, body }) => {
    const sent = request(origin + path, { method, headers, agent: false, rejectUnauthorized: false }).end(body)
    const [response]: http.IncomingMessage[] = await once(sent, 'response')
    const { statusCode = 0, headers: received } = response!
    return { status: statusCode, headers: received, body: decode(received, await buffer(response!)) }
  }
}

function overHttp2 (t: Test, origin: string): Client['send'] {
  const session = connect(origin, { rejectUnauthorized: false })
  t.teardown(() => { session.close() })
  return async ({ method = 'GET', path, headers = {}, body }) => {
    const stream = session.request({ ':method': method, ':path': path, ...headers })
    stream.end(body)
    const [{ ':status': status, ...received }] = await once(stream, 'response')
    return { status, headers: received, body: decode(received, await buffer(stream)) }
  }
}

function decode ({ 'content-encoding': encoding }: Record<string, unknown>, body: Buffer): string {
  if (encoding === 'gzip') return gunzipSync(body).toString()
  if (encoding === 'br') return brotliDecompressSync(body).toString()
  return body.toString()
}
