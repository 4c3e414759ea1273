import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2'
import { text } from 'node:stream/consumers'
import { openSocket } from '../helpers/raw-http.ts'

/** A request of the run, as its client sends it. */
export interface HostileRequest {
  method: string
  path: string
  headers: Record<string, string>
  body: string
  /** `half`: only half of the body is sent, then the client disconnects; `abort`: it disconnects at once. */
  client: 'whole' | 'half' | 'abort'
}

export interface Received {
  status: number
  body: string
  /** Whether the connection is closed after it, so that later requests get no response. */
  closes: boolean
}

/** What a client receives for the requests of a connection. */
export interface Exchange {
  responses: Received[]
  /** Whether the server reset the connection: it closed it with requests unread, and responses may be lost on the way. */
  isReset: boolean
}

/** In milliseconds: much longer than any timeout of the host. */
const patience = 20_000

/**
 * Sends requests on one HTTP/1.1 connection, without waiting for responses, and returns the responses. The last
 * request must be whole, and close the connection; if it is not, no response is awaited.
 */
export async function sendPipelined (url: string, requests: readonly HostileRequest[]): Promise<Exchange> {
  const socket = await openSocket(url)
  let isReset = false
  socket.on('error', (error: NodeJS.ErrnoException) => { isReset ||= error.code === 'ECONNRESET' || error.code === 'EPIPE' })
  const last = requests.at(-1)!
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => { chunks.push(chunk) })
  const closed = new Promise<void>((resolve) => { socket.once('close', () => { resolve() }) })
  for (const request of requests) {
    const isLast = request === last
    const lines = Object.entries({ host: 'localhost', ...request.headers, connection: isLast ? 'close' : 'keep-alive', 'content-length': String(request.body.length) })
    const head = [`${request.method} ${request.path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
    socket.write(head + (request.client === 'whole' ? request.body : request.body.slice(0, request.body.length / 2)))
  }
  if (last.client !== 'whole') setTimeout(() => { socket.destroy() }, last.client === 'half' ? 20 : 0)
  const timer = setTimeout(() => { socket.destroy(new Error('no response')) }, patience)
  await closed
  clearTimeout(timer)
  return { responses: parseResponses(Buffer.concat(chunks)), isReset }
}

/** @throws an error if there is anything between or after the responses */
function parseResponses (bytes: Buffer): Received[] {
  const responses: Received[] = []
  for (let rest = bytes.toString('latin1'); rest !== '';) {
    const [, head = '', status, headers = ''] = /^(HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n)/.exec(rest) ?? []
    if (head === '') throw new Error(`not a response: ${JSON.stringify(rest.slice(0, 200))}`)
    const length = Number(/^content-length: (\d+)/im.exec(headers)?.[1] ?? NaN)
    if (Number.isNaN(length)) throw new Error(`a response of unknown length: ${head}`)
    responses.push({ status: Number(status), body: rest.slice(head.length, head.length + length), closes: /^connection: close/im.test(headers) })
    rest = rest.slice(head.length + length)
  }
  return responses
}

/** An HTTP/2 connection, on which requests are sent at once. */
export class Http2Client {
  readonly #session: ClientHttp2Session

  constructor (url: string) {
    this.#session = connectHttp2(url)
    this.#session.on('error', () => {})
  }

  async send ({ method, path, headers, body, client }: HostileRequest): Promise<Exchange> {
    const stream = this.#session.request({ ':method': method, ':path': path, ...headers }, { endStream: false })
    stream.setTimeout(patience, () => { stream.close(constants.NGHTTP2_CANCEL) })
    const response = new Promise<number | undefined>((resolve) => {
      stream.once('response', (responseHeaders) => { resolve(responseHeaders[':status']) })
      stream.once('close', () => { resolve(undefined) })
      stream.once('error', () => { resolve(undefined) })
    })
    if (client === 'whole') stream.end(body)
    else {
      stream.write(body.slice(0, body.length / 2) || ' ')
      setTimeout(() => { stream.close(constants.NGHTTP2_CANCEL) }, client === 'half' ? 20 : 0)
    }
    const status = await response
    const responses = status === undefined ? [] : [{ status, body: await text(stream).catch(() => ''), closes: false }]
    return { responses, isReset: false }
  }

  close (): void {
    this.#session.destroy()
  }
}
