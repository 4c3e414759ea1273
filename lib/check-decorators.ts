import createError from '@fastify/error'
import type { FastifyInstance } from 'fastify'

const MissingDecoratorError = createError('FST_SCIM_TOKEN_MISSING_DECORATOR', '%s')
const DecoratorExistsError = createError(
  'FST_SCIM_TOKEN_DECORATOR_EXISTS',
  'fastify-scim-token: the decorator "%s" exists already, from an earlier registration of this plugin or from the host. ' +
  'Register the plugin once per scope; each tenant gets a scope of its own: app.register(async (tenant) => { tenant.register(...) }).'
)

/**
 * Returns a decorator that the host must have added.
 *
 * @param methods names of the methods that it must have
 * @throws an error with the code `FST_SCIM_TOKEN_MISSING_DECORATOR` that says what to decorate the app with
 */
export function requireDecorator<Name extends 'scimAuthResolver' | 'scimTokenStore', Method extends keyof FastifyInstance[Name] & string> (
  app: FastifyInstance,
  name: Name,
  methods: readonly Method[]
) {
  const example = `app.decorate('${name}', { ${methods.map((method) => `${method} () { ... }`).join(', ')} })`
  if (!app.hasDecorator(name)) {
    throw new MissingDecoratorError(`fastify-scim-token: the decorator "${name}" is missing; call ${example} before you register the plugin.`)
  }
  const decorator = app[name]
  const missing = methods.filter((method) => typeof decorator?.[method] !== 'function')
  if (missing.length > 0) {
    const hint = typeof decorator === 'function' ? ' It is a function: call it, such as memoryStore(), and pass what it returns.' : ''
    throw new MissingDecoratorError(`fastify-scim-token: "${name}" lacks the method ${missing.join(' and ')}; it must look like ${example}.${hint}`)
  }
  return decorator as FastifyInstance[Name] & Required<Pick<FastifyInstance[Name], Method>>
}

/**
 * Rejects an app that has the decorators of the plugin.
 *
 * @throws an error with the code `FST_SCIM_TOKEN_DECORATOR_EXISTS`
 */
export function rejectSecondRegistration (app: FastifyInstance): void {
  if (app.hasDecorator('verifyScimToken')) throw new DecoratorExistsError('verifyScimToken')
  if (app.hasRequestDecorator('scimToken')) throw new DecoratorExistsError('request.scimToken')
}
