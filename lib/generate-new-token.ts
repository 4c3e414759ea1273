import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { caller } from './access.ts'
import type { ScimTokenStore } from './contracts.ts'
import { changeBegun } from './errors.ts'
import { ask, brokenContract } from './host.ts'
import { generateToken, hashToken } from './token.ts'

/** Makes the handler that generates a token, has its hash stored and answers the token, this once. */
export function generateNewToken (store: ScimTokenStore) {
  return async function (request: FastifyRequest, reply: FastifyReply): Promise<{ token: string }> {
    const token = generateToken()
    const record = { hash: hashToken(token), createdAt: new Date() }
    const context = { request, user: request.getDecorator<object>(caller) }

    request.setDecorator(changeBegun, true)
    const stored = await ask(503, 'scimTokenStore.replace', () => store.replace(record, context))
    if (stored === false) {
      throw httpErrors.notFound('There are no SCIM settings yet. Set up SCIM first, then generate a token.')
    }
    if (stored !== true) throw brokenContract('scimTokenStore.replace', 'true or false', stored)

    reply.header('cache-control', 'no-store')
    return { token }
  }
}
