// Prints the CPU time of importing Fastify, and then the plugin, in milliseconds.
console.log(JSON.stringify([await timed('fastify'), await timed('fastify-scim-token')]))

async function timed (name) {
  const before = process.cpuUsage()
  await import(name)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
