import cookie from '@fastify/cookie'
import { httpErrors } from '@fastify/sensible'
import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { ScimAuthResolver } from 'fastify-scim-token'
import { sessionSeconds, type Sessions } from './sessions.ts'
import type { User, Users } from './users.ts'

const cookieName = 'unleash-session'

export interface AuthOptions {
  users: Users
  sessions: Sessions
  /** Fastify's `config` of the login route. */
  loginConfig: FastifyContextConfig
  /** How many times anyone may try to log in under one name in 15 minutes; 0 for no limit. */
  loginsPerName: number
}

/**
 * Authenticates users as Unleash does: by an API token in the `Authorization` header, bare or as
 * `Bearer`, or by a session cookie. Decorates the app with the `scimAuthResolver`.
 */
async function auth (app: FastifyInstance, { users, sessions, loginConfig, loginsPerName }: AuthOptions): Promise<void> {
  await app.register(cookie)

  const resolver: ScimAuthResolver<User> = {
    async authenticate ({ headers: { authorization }, cookies }) {
      if (authorization !== undefined) return users.byToken(authorization.replace(/^bearer +/i, ''))
      const session = cookies[cookieName]
      const name = session === undefined ? null : await sessions.findUserName(session, users.passwordOf)
      return name === null ? null : users.byName(name)
    },
    authorize (user, permissions) {
      return permissions.some((permission) => user.permissions.includes(permission))
    }
  }
  app.decorate('scimAuthResolver', resolver)

  // An attacker may have many addresses. In memory, as those of @fastify/rate-limit: each process counts for itself.
  const countPerName = app.createRateLimit({
    max: loginsPerName,
    timeWindow: '15 minutes',
    keyGenerator: ({ body }) => (body as { username: string }).username
  })

  // Only JSON is parsed, so that a form on another site cannot log a user in.
  app.post<{ Body: { username: string, password: string } }>('/auth/simple/login', {
    config: loginConfig,
    schema: loginSchema
  }, async (request, reply) => {
    const { username, password } = request.body
    const attempts = await countPerName(request)
    if (loginsPerName > 0 && !attempts.isAllowed && attempts.isExceeded) {
      throw httpErrors.createError(429, 'There were too many attempts to log in under this name. Try again later.', { headers: { 'retry-after': String(attempts.ttlInSeconds) } })
    }
    const user = users.byPassword(username, password)
    if (user === null) throw httpErrors.unauthorized('The username or the password is wrong.')

    const id = await sessions.create(user.name, password)
    reply.setCookie(cookieName, id, { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: sessionSeconds })
    return user
  })

  app.post('/logout', { schema: logoutSchema }, async ({ cookies }, reply) => {
    const session = cookies[cookieName]
    if (session !== undefined) await sessions.delete(session)
    return reply.clearCookie(cookieName, { path: '/' }).code(204).send()
  })

  app.get('/api/admin/user', { schema: { hide: true } }, async (request) => {
    const user = await resolver.authenticate(request)
    if (!user) throw httpErrors.unauthorized('You must log in.')
    return { user, permissions: user.permissions.map((permission) => ({ permission })) }
  })
}

const loginSchema = {
  summary: 'Log in',
  description: 'Sets the session cookie that the admin routes accept in place of an API token. The password is the value of `ADMIN_PASSWORD` or `VIEWER_PASSWORD`.',
  tags: ['Auth'],
  security: [],
  body: {
    type: 'object',
    required: ['username', 'password'],
    properties: {
      username: { type: 'string', maxLength: 100 },
      password: { type: 'string', format: 'password', maxLength: 1000 }
    },
    examples: [{ username: 'admin', password: 'the value of ADMIN_PASSWORD' }]
  },
  response: {
    200: {
      description: 'The user that is logged in now.',
      type: 'object',
      properties: { name: { type: 'string' }, permissions: { type: 'array', items: { type: 'string' } } }
    }
  }
}

const logoutSchema = {
  summary: 'Log out',
  description: 'Ends the session of the cookie.',
  tags: ['Auth'],
  security: [],
  response: { 204: { description: 'The session has ended.', type: 'null' } }
}

export default fastifyPlugin(auth, { name: 'host-auth' })
