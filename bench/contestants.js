// What is compared. Each function returns a Fastify app for a host: a resolver and a store.
import { timingSafeEqual } from 'node:crypto'
import bearerAuth from '@fastify/bearer-auth'
import { httpErrors } from '@fastify/sensible'
import Fastify from 'fastify'
import scimToken from 'fastify-scim-token'
import pTimeout from 'p-timeout'
import { generateToken, hashToken } from '../dist/token.js'

const milliseconds = 10_000
const permissions = ['ADMIN', 'UPDATE_AUTH_CONFIGURATION']
const noUsers = { schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'], totalResults: 0, itemsPerPage: 0, startIndex: 1, Resources: [] }
const invalidToken = { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '401', detail: 'This SCIM token is not valid.' }

/** The SCIM route without a check. */
function noCheck () {
  const app = Fastify()
  app.get('/scim/v2/Users', async () => noUsers)
  return app
}

async function plugin ({ resolver, store }) {
  const app = Fastify()
  app.decorate('scimAuthResolver', resolver)
  app.decorate('scimTokenStore', store)
  await app.register(scimToken)
  app.get('/scim/v2/Users', { onRequest: app.verifyScimToken }, async () => noUsers)
  return app
}

/** `@fastify/bearer-auth` with a look-up in the same store. */
function bearerAuthWith (find) {
  return async function ({ store }) {
    const app = Fastify()
    await app.register(bearerAuth, {
      contentType: 'application/scim+json',
      errorResponse: () => invalidToken,
      async auth (token, request) {
        const record = await find(store, request)
        return record !== null && timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(record.hash))
      }
    })
    app.get('/scim/v2/Users', async () => noUsers)
    return app
  }
}

/** The same work as the plugin's, written into hooks and handlers. */
function byHand ({ resolver, store }) {
  const app = Fastify()

  app.get('/scim/v2/Users', {
    async onRequest (request, reply) {
      const token = /^bearer +(scim_[0-9A-Za-z]{49})$/i.exec(request.headers.authorization)?.[1]
      const record = token === undefined ? null : await limit(store.find({ request }))
      if (record === null || !timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(record.hash))) {
        return reply.code(401).header('www-authenticate', 'Bearer realm="SCIM", error="invalid_token"').type('application/scim+json').send(invalidToken)
      }
    }
  }, async () => noUsers)

  app.post('/api/admin/scim-settings/generate-new-token', {
    schema: { response: { 200: { type: 'object', properties: { token: { type: 'string' } } } } }
  }, async (request, reply) => {
    const { 'sec-fetch-site': site, origin, host } = request.headers
    if (site === undefined ? origin !== undefined && new URL(origin).host !== host : site !== 'same-origin' && site !== 'none') throw httpErrors.forbidden()
    const token = await limit(generate(request))
    reply.header('cache-control', 'no-store')
    return { token }
  })

  async function generate (request) {
    const user = await resolver.authenticate(request)
    if (user === null) throw httpErrors.unauthorized()
    if (!await resolver.authorize(user, permissions, request)) throw httpErrors.forbidden()
    const token = generateToken()
    if (!await store.replace({ hash: hashToken(token), createdAt: new Date() }, { request, user })) throw httpErrors.notFound()
    return token
  }
  return app
}

async function limit (promise) {
  let timer
  const expired = new Promise((_resolve, reject) => { timer = setTimeout(() => { reject(httpErrors.serviceUnavailable()) }, milliseconds) })
  try {
    return await Promise.race([promise, expired])
  } finally {
    clearTimeout(timer)
  }
}

export const contestants = {
  plugin,
  'no check': noCheck,
  'by hand': byHand,
  'bearer-auth': bearerAuthWith((store, request) => store.find({ request })),
  'bearer-auth with a timer': bearerAuthWith((store, request) => limit(store.find({ request }))),
  'bearer-auth with p-timeout': bearerAuthWith((store, request) => pTimeout(store.find({ request }), { milliseconds }))
}
