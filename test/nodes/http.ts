import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import type { NodeProcess } from './node-process.ts'

export interface Question {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
  /** Milliseconds after which the client goes away. */
  patience?: number | undefined
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Sends a request. Answers null when the connection was lost or the client's patience over. */
export async function send ({ address, agent }: NodeProcess, { method, path, headers, body, patience = 20_000 }: Question): Promise<Answer | null> {
  const outgoing = request(address + path, { method, headers, agent, signal: AbortSignal.timeout(patience) })
  outgoing.on('error', () => {})
  try {
    const answered = once(outgoing, 'response')
    outgoing.end(body)
    const [incoming] = await answered
    return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) }
  } catch {
    return null
  }
}
