import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import type { NodeProcess } from './node-process.ts'

export interface HttpRequest {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
  /** Milliseconds after which the client disconnects. */
  disconnectAfter?: number | undefined
}

export interface HttpResponse {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Sends a request. Returns null if the connection was lost or the client disconnected. */
export async function send ({ address, agent }: NodeProcess, { method, path, headers, body, disconnectAfter = 20_000 }: HttpRequest): Promise<HttpResponse | null> {
  const outgoing = request(address + path, { method, headers, agent, signal: AbortSignal.timeout(disconnectAfter) })
  outgoing.on('error', () => {})
  try {
    const responded = once(outgoing, 'response')
    outgoing.end(body)
    const [incoming] = await responded
    return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) }
  } catch {
    return null
  }
}
