import { hash, randomUUID } from 'node:crypto'
import { generatePath } from '../helpers/host.ts'
import { seededRandom, type Random } from '../nodes/random.ts'
import { Http2Client, sendPipelined, type Exchange, type HostileRequest } from './client.ts'
import { startHostileHost, type HostileHost } from './hostile-host.ts'
import { internals, isSecret, planHeader, type HostOptions, type Plan } from './plan.ts'

export interface RandomRun {
  /** Requests by the status of their response; 0 for those without one. */
  statuses: Record<number, number>
  /** What must not happen, with the request. */
  violations: string[]
}

const settingsPath = '/api/admin/scim-settings'
const hostKinds: HostOptions[] = [
  { http2: false, timeout: 20 },
  { http2: false, timeout: 30, handlerTimeout: 15 },
  { http2: true, timeout: 20 },
  { http2: true, timeout: 30, handlerTimeout: 15 }
]
const early = ['onRequest', 'preParsing', 'preValidation', 'preHandler']
const failures = ['throws', 'rejects', 'rejects with what is unreadable', 'calls back with an error', 'throws in a callback hook']
const methods = ['authenticate', 'authorize', 'replace', 'getSettings', 'setEnabled', 'find']

/** Sends random requests to hosts whose hooks, resolver and store do random things, and returns what must not have happened. */
export async function runRandomly (seed: string, requests: number): Promise<RandomRun> {
  const statuses: Record<number, number> = {}
  const violations: string[] = []
  await Promise.all(hostKinds.map(async (options) => {
    const random = seededRandom(`${seed} ${JSON.stringify(options)}`)
    let host = await startHostileHost(options)
    const tokens: string[] = []
    const confirmed = new Set<string>()
    for (let sent = 0; sent < requests / hostKinds.length && violations.length < 20;) {
      const client = options.http2 ? new Http2Client(host.url) : undefined
      // All at once, each HTTP/1.1 connection with up to four pipelined requests.
      const connections = Array.from({ length: 24 }, () => Array.from({ length: client ? 1 : 1 + random.below(4) }, (_, i) => randomRequest(random, options, i)))
      for (const connection of connections) for (const request of connection.slice(0, -1)) request.client = 'whole'
      await Promise.all(connections.map(async (connection) => {
        sent += connection.length
        const exchange: Exchange = await (client ? client.send(connection[0]!) : sendPipelined(host.url, connection)).catch((error: Error) => {
          violations.push(`${error.message} for ${describe(options, connection)}`)
          return { responses: [], isReset: false }
        })
        for (const fault of check(connection, exchange, tokens)) violations.push(`${fault} for ${describe(options, connection)}`)
        for (const [i] of connection.entries()) {
          const status = exchange.responses[i]?.status ?? 0
          statuses[status] = (statuses[status] ?? 0) + 1
        }
      }))
      client?.close()
      if (host.ended() !== undefined) {
        violations.push(`the process ended: ${host.ended()} after ${connections.map((connection) => describe(options, connection)).join('\n')}`)
        for (const hashOfToken of host.confirmed) confirmed.add(hashOfToken)
        host = await startHostileHost(options)
      }
    }
    if (!await isAlive(host, options)) violations.push(`no response at the end of ${JSON.stringify(options)}`)
    violations.push(...host.leaks.map((line) => `in the log: ${line}`))
    for (const token of tokens) {
      const hashOfToken = hash('sha256', token)
      if (!host.confirmed.has(hashOfToken) && !confirmed.has(hashOfToken)) violations.push(`a token without a confirmed write: ${token}`)
    }
    await host.stop()
  }))
  return { statuses, violations }
}

function randomRequest (random: Random, options: HostOptions, index: number): HostileRequest {
  const target = random.pick(['generate', 'generate', 'change', 'read', 'scim', 'scim'])
  const isScim = target === 'scim'
  const plan: Plan = {}
  // Each other request has one or two things that go wrong.
  for (let i = random.below(3); i > 0; i--) Object.assign(plan, randomFault(random, options, isScim))
  const credentials = random.below(4) === 0 ? {} : { authorization: isScim ? `Bearer ${wrongToken}` : 'admin' }
  const body = target === 'change' ? random.pick(['{"enabled":true}', '{"enabled":null}', '{', '[]', 'x'.repeat(2000)]) : target === 'generate' ? random.pick(['', '{}', 'a=b']) : ''
  return {
    method: target === 'read' ? 'GET' : isScim ? random.pick(['GET', 'POST']) : 'POST',
    path: isScim ? '/scim/Users' : target === 'generate' ? generatePath : settingsPath,
    headers: { [planHeader]: JSON.stringify(plan), 'x-index': `${index}`, 'x-id': randomUUID(), ...credentials, ...body !== '' && { 'content-type': random.pick(['application/json', 'application/json', 'text/plain']) } },
    body,
    client: random.pick(['whole', 'whole', 'whole', 'whole', 'half', 'abort'])
  }
}

const wrongToken = 'scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu'

/**
 * Left out is what ends the process of any Fastify host, or leaves its request without a response, for routes of its
 * own: hooks that are late while handlerTimeout and a slow onError hook run, that throw what is not an Error after
 * the handler, or that call back late after the response.
 */
function randomFault (random: Random, { handlerTimeout }: HostOptions, isScim: boolean): Plan {
  const kind = random.pick(['method', 'method', 'method', 'early', 'late', 'onError', 'onResponse', 'onRequestAbort'])
  const hasTimeout = handlerTimeout !== undefined
  if (kind === 'method') return { [random.pick(methods)]: random.pick(['throws', 'rejects', 'rejects with what is unreadable', 'waits', 'fails late', 'hangs', 'wrong value', 'fails after it is done']) }
  if (kind === 'early') return { [random.pick(early)]: random.pick([...failures, 'sends', 'sends in a callback hook', ...hasTimeout ? [] : ['waits', 'calls back late', 'fails late']]) }
  if (kind === 'late') {
    const hook = random.pick(['preSerialization', 'onSend'])
    return { [hook]: random.pick(isScim ? ['waits'] : [...failures, 'waits', 'calls back late', 'fails late', 'sets an invalid header']) }
  }
  if (kind === 'onError') return { onError: random.pick(isScim || hasTimeout ? ['throws', 'rejects'] : ['throws', 'rejects', 'waits', 'calls back late']) }
  return { [kind]: 'throws' }
}

function check (requests: readonly HostileRequest[], { responses: received, isReset }: Exchange, tokens: string[]): string[] {
  const faults: string[] = []
  if (received.length > requests.length) faults.push('more responses than requests')
  const last = requests.at(-1)!
  if (last.client === 'whole' && !isReset && received.length < requests.length && received.at(-1)?.closes !== true) faults.push(`${received.length} responses to ${requests.length} requests`)
  for (const [i, { status, body }] of received.entries()) {
    const request = requests[i]!
    const [token] = /scim_[0-9A-Za-z]{49}/.exec(body) ?? []
    if (token !== undefined && status === 200 && request.path === generatePath) tokens.push(token)
    else if (isSecret(body)) faults.push(`a token or hash in a ${status}`)
    if (body.includes(internals) && request.path !== '/scim/Users') faults.push(`an internal message in a ${status}`)
    if (status >= 400 && status !== 418 && request.path !== '/scim/Users' && request.client === 'whole' && !isApiError(body)) faults.push(`a ${status} in another shape: ${body.slice(0, 200)}`)
  }
  return faults
}

function isApiError (body: string): boolean {
  try {
    const { id, name, message } = JSON.parse(body)
    return [id, name, message].every((value) => typeof value === 'string')
  } catch {
    return false
  }
}

async function isAlive ({ url }: HostileHost, { http2 }: HostOptions): Promise<boolean> {
  const request: HostileRequest = { method: 'GET', path: '/alive/later', headers: {}, body: '', client: 'whole' }
  const client = http2 ? new Http2Client(url) : undefined
  const { responses: [response] } = await (client ? client.send(request) : sendPipelined(url, [request]))
  client?.close()
  return response?.status === 200
}

function describe (options: HostOptions, requests: readonly HostileRequest[]): string {
  return `${JSON.stringify(options)}: ${requests.map(({ method, path, headers, body, client }) => `${method} ${path} ${headers[planHeader]} ${client} body ${body.slice(0, 20)} ${'authorization' in headers}`).join(' | ')}`
}
