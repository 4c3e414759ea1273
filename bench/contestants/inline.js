import { timingSafeEqual } from 'node:crypto'
import Fastify from 'fastify'
import { generateToken, hashToken } from '../../dist/token.js'
import { generatePath, listen, noUsers, permissions, resolver, scimPath, tokenReply } from './work.js'

const refusal = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
  status: '401',
  detail: 'This SCIM token is not valid.'
}

/** The same work written by hand into the handlers of a bare Fastify app. */
export async function start ({ timeout = 0 }) {
  const token = generateToken()
  const records = new Map([['default', { hash: hashToken(token), createdAt: new Date() }]])
  const app = Fastify()

  app.post(generatePath, { schema: { response: tokenReply }, ...(timeout > 0 && { handlerTimeout: timeout }) }, async (request, reply) => {
    const user = resolver.authenticate(request)
    if (user === null) return reply.code(401).send({ token: '' })
    if (!resolver.authorize(user, permissions)) return reply.code(403).send({ token: '' })
    const token = generateToken()
    records.set('default', { hash: hashToken(token), createdAt: new Date() })
    reply.header('cache-control', 'no-store')
    return { token }
  })

  app.get(scimPath, async (request, reply) => {
    const { authorization = '' } = request.headers
    const token = authorization.startsWith('Bearer ') ? authorization.slice(7) : ''
    if (!timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(records.get('default').hash))) {
      reply.code(401).header('www-authenticate', 'Bearer realm="SCIM", error="invalid_token"').type('application/scim+json')
      return refusal
    }
    return noUsers
  })

  return { port: await listen(app), token }
}
