import { timingSafeEqual } from 'node:crypto'
import Fastify from 'fastify'
import { generateToken, hashToken } from '../../dist/token.js'
import { createHost, generatePath, noUsers, permissions, scimPath, serverOf, tokenReply } from './work.js'

/** The same work written by hand into the handlers of a bare Fastify app. */
export async function start ({ promises }) {
  const { token, resolver, store } = await createHost({ promises })
  const app = Fastify()
  addGenerate(app, resolver, (record, user) => store.replace(record, { user }))
  addVerify(app, () => store.find())
  return { server: await serverOf(app), token }
}

/** Adds the route that generates a token. */
export function addGenerate (app, resolver, replace) {
  app.post(generatePath, { schema: { response: tokenReply } }, async (request, reply) => {
    const user = await resolver.authenticate(request)
    if (user === null) return reply.code(401).send({ token: '' })
    if (!await resolver.authorize(user, permissions)) return reply.code(403).send({ token: '' })

    const token = generateToken()
    if (!await replace({ hash: hashToken(token), createdAt: new Date() }, user)) return reply.code(404).send({ token: '' })
    reply.header('cache-control', 'no-store')
    return { token }
  })
}

const unauthorized = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
  status: '401',
  detail: 'This SCIM token is not valid.'
}

/** Adds the SCIM route with its check. */
export function addVerify (app, find) {
  app.get(scimPath, async (request, reply) => {
    const { authorization = '' } = request.headers
    const token = authorization.startsWith('Bearer ') ? authorization.slice(7) : ''
    const record = await find()
    if (record === null || !timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(record.hash))) {
      reply.code(401).header('www-authenticate', 'Bearer realm="SCIM", error="invalid_token"').type('application/scim+json')
      return unauthorized
    }
    return noUsers
  })
}
