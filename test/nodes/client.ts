import { hashToken } from '../../lib/token.ts'
import { isApiError, isScimError, isStopping, isUnknown } from './documented-errors.ts'
import type { Outcome } from './history.ts'
import { send, type Answer, type Question } from './http.ts'
import type { NodeProcess } from './node-process.ts'
import type { Recorder } from './recorder.ts'

const settingsPath = '/api/admin/scim-settings'
const generatePath = `${settingsPath}/generate-new-token`

/** Callers whose request must be refused, with the status that they get. */
export const refusedCallers = {
  nobody: { status: 401, headers: {} },
  viewer: { status: 403, headers: { authorization: 'viewer' } },
  'admin without SCIM settings': { status: 404, headers: { authorization: 'admin', 'x-tenant': 'none' } }
}

export interface GenerateOptions {
  /** Milliseconds after which the client goes away. */
  patience?: number
  refusedAs?: keyof typeof refusedCallers
}

/** Does what admins and identity providers do, and records it. */
export interface Client {
  /** Answers the token, if there was one. */
  generate (node: NodeProcess, options?: GenerateOptions): Promise<string | undefined>
  enable (node: NodeProcess, enabled: boolean): Promise<Outcome>
  verify (node: NodeProcess, token: string): Promise<'accepted' | 'refused' | 'unknown'>
  look (node: NodeProcess): Promise<void>
}

export function makeClient (recorder: Recorder): Client {
  /** Complains of a failure that is not as documented. Answers whether the failure left things as they were. */
  function judge (id: number, node: NodeProcess, question: Question, answer: Answer | null, isDocumented: (answer: Answer) => boolean): boolean {
    const what = `${question.method} ${question.path} at node ${node.index}`
    if (answer === null) {
      if (question.patience !== undefined) return false
      recorder.lost.add(id)
      if (!node.leaving) recorder.complain(`${what} had no answer`)
      return false
    }
    if (node.leaving && answer.status === 503 && isStopping(answer)) return true
    if (answer.status !== 503 || !isDocumented(answer)) recorder.complain(`${what} was answered ${answer.status} ${JSON.stringify(answer.headers)} ${answer.body}`)
    return !isUnknown(answer)
  }

  return {
    async generate (node, { patience, refusedAs } = {}) {
      const refusal = refusedAs && refusedCallers[refusedAs]
      let token: string | undefined
      await recorder.record(node.index, async (id) => {
        const headers = { ...(refusal?.headers ?? { authorization: 'admin' }), 'x-operation': String(id) }
        const question: Question = { method: 'POST', path: generatePath, headers, patience }
        const answer = await send(node, question)
        if (answer?.status === 200) {
          if (refusal !== undefined) recorder.complain(`${refusedAs} generated a token at node ${node.index}`)
          token = String(JSON.parse(answer.body).token)
          return { kind: 'generate', outcome: 'stored', hash: hashToken(token) }
        }
        if (refusal !== undefined && answer?.status === refusal.status) return { kind: 'generate', outcome: 'unchanged' }
        return { kind: 'generate', outcome: judge(id, node, question, answer, isApiError) ? 'unchanged' : 'unknown' }
      })
      return token
    },

    async enable (node, enabled) {
      let outcome: Outcome = 'stored'
      await recorder.record(node.index, async (id) => {
        const headers = { authorization: 'admin', 'x-operation': String(id), 'content-type': 'application/json' }
        const question: Question = { method: 'POST', path: settingsPath, headers, body: JSON.stringify({ enabled }) }
        const answer = await send(node, question)
        if (answer?.status !== 200) outcome = judge(id, node, question, answer, isApiError) ? 'unchanged' : 'unknown'
        return { kind: 'switch', enabled, outcome }
      })
      return outcome
    },

    async verify (node, token) {
      let outcome: 'accepted' | 'refused' | 'unknown' = 'unknown'
      await recorder.record(node.index, async (id) => {
        const question: Question = { method: 'GET', path: '/scim/v2/Users', headers: { authorization: `Bearer ${token}`, 'x-operation': String(id) } }
        const answer = await send(node, question)
        if (answer?.status === 200) outcome = 'accepted'
        else if (answer?.status === 401) outcome = 'refused'
        else judge(id, node, question, answer, isScimError)
        return { kind: 'verify', hash: hashToken(token), outcome }
      })
      return outcome
    },

    async look (node) {
      await recorder.record(node.index, async (id) => {
        const question: Question = { method: 'GET', path: settingsPath, headers: { authorization: 'admin', 'x-operation': String(id) } }
        const answer = await send(node, question)
        if (answer?.status === 200) return { kind: 'look', outcome: JSON.parse(answer.body) }
        judge(id, node, question, answer, isApiError)
        return { kind: 'look', outcome: 'unknown' }
      })
    }
  }
}
