import { hashToken } from '../../lib/token.ts'
import { isApiError, isScimError, isStopping, saysUnconfirmed } from './documented-errors.ts'
import type { Event, Operation, WriteOutcome } from './history.ts'
import { send, type HttpRequest, type HttpResponse } from './http.ts'
import type { NodeProcess } from './node-process.ts'
import type { Recorder } from './recorder.ts'

const settingsPath = '/api/admin/scim-settings'
const generatePath = `${settingsPath}/generate-new-token`
const admin = { authorization: 'admin' }

/** Callers whose generate must be rejected, and the status that they get. */
export const rejectedCallers = {
  unauthenticated: { status: 401, headers: {} },
  viewer: { status: 403, headers: { authorization: 'viewer' } },
  'admin without SCIM settings': { status: 404, headers: { ...admin, 'x-tenant': 'none' } }
}

export interface GenerateOptions {
  /** Milliseconds after which the client disconnects. */
  disconnectAfter?: number
  rejectedAs?: keyof typeof rejectedCallers
}

type OutcomeOf<Kind extends Event['kind']> = Extract<Operation, { kind: Kind }>['outcome']

/** Sends the requests of admins and identity providers, and records each with its outcome. */
export interface Client {
  /** Returns the token, or undefined if there was none in the response. */
  generate (node: NodeProcess, options?: GenerateOptions): Promise<string | undefined>
  setEnabled (node: NodeProcess, enabled: boolean): Promise<WriteOutcome>
  verify (node: NodeProcess, token: string): Promise<OutcomeOf<'verify'>>
  getSettings (node: NodeProcess): Promise<OutcomeOf<'getSettings'>>
}

export function createClient (recorder: Recorder): Client {
  /** Sends a request that says in a header which operation it is, so that the database can tell. */
  async function sendAs (kind: Event['kind'], id: number, node: NodeProcess, request: HttpRequest): Promise<HttpResponse | null> {
    return await send(node, { ...request, headers: { ...request.headers, 'x-operation': `${kind} ${id}` } })
  }

  /** Returns the outcome of a request without a 200, and records a problem if the response is not as documented. */
  function failedOutcome (id: number, node: NodeProcess, request: HttpRequest, response: HttpResponse | null, isDocumented: (response: HttpResponse) => boolean): Exclude<WriteOutcome, 'stored'> {
    const what = `${request.method} ${request.path} at node ${node.index}`
    if (response === null) {
      if (request.disconnectAfter !== undefined) return 'client left'
      recorder.lost.add(id)
      if (!node.leaving) recorder.addProblem(`${what} had no response`)
      return 'given up'
    }
    if (node.leaving && response.status === 503 && isStopping(response)) return 'unchanged'
    if (response.status !== 503 || !isDocumented(response)) recorder.addProblem(`${what} had the response ${response.status} ${JSON.stringify(response.headers)} ${response.body}`)
    return saysUnconfirmed(response) ? 'given up' : 'unchanged'
  }

  return {
    async generate (node, { disconnectAfter, rejectedAs } = {}) {
      const rejection = rejectedAs && rejectedCallers[rejectedAs]
      let token: string | undefined
      await recorder.record(node.index, async (id) => {
        const request: HttpRequest = { method: 'POST', path: generatePath, headers: rejection?.headers ?? admin, disconnectAfter }
        const response = await sendAs('generate', id, node, request)
        if (response?.status === 200) {
          if (rejection !== undefined) recorder.addProblem(`${rejectedAs} generated a token at node ${node.index}`)
          token = String(JSON.parse(response.body).token)
          return { kind: 'generate', outcome: 'stored', hash: hashToken(token) }
        }
        if (rejection !== undefined && response?.status === rejection.status) return { kind: 'generate', outcome: 'unchanged' }
        return { kind: 'generate', outcome: failedOutcome(id, node, request, response, isApiError) }
      })
      return token
    },

    async setEnabled (node, enabled) {
      let outcome: WriteOutcome = 'stored'
      await recorder.record(node.index, async (id) => {
        const request: HttpRequest = { method: 'POST', path: settingsPath, headers: { ...admin, 'content-type': 'application/json' }, body: JSON.stringify({ enabled }) }
        const response = await sendAs('setEnabled', id, node, request)
        if (response?.status !== 200) outcome = failedOutcome(id, node, request, response, isApiError)
        return { kind: 'setEnabled', enabled, outcome }
      })
      return outcome
    },

    async verify (node, token) {
      let outcome: OutcomeOf<'verify'> = 'unknown'
      await recorder.record(node.index, async (id) => {
        const request: HttpRequest = { method: 'GET', path: '/scim/v2/Users', headers: { authorization: `Bearer ${token}` } }
        const response = await sendAs('verify', id, node, request)
        if (response?.status === 200) outcome = 'accepted'
        else if (response?.status === 401) outcome = 'rejected'
        else failedOutcome(id, node, request, response, isScimError)
        return { kind: 'verify', hash: hashToken(token), outcome }
      })
      return outcome
    },

    async getSettings (node) {
      let outcome: OutcomeOf<'getSettings'> = 'unknown'
      await recorder.record(node.index, async (id) => {
        const request: HttpRequest = { method: 'GET', path: settingsPath, headers: admin }
        const response = await sendAs('getSettings', id, node, request)
        if (response?.status === 200) outcome = JSON.parse(response.body)
        else failedOutcome(id, node, request, response, isApiError)
        return { kind: 'getSettings', outcome }
      })
      return outcome
    }
  }
}
