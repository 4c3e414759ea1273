/** See https://stryker-mutator.io/docs/stryker-js/configuration */
export default {
  mutate: ['lib/**/*.ts'],
  ignorePatterns: ['/dist', '/test/mutation'],
  plugins: ['@stryker-mutator/tap-runner', './test/mutation/tap-learning.js'],
  testRunner: 'tap-learning',
  tap: {
    // These are about bench/ and documents, or start a database and kill no additional mutants.
    testFiles: ['test/!(bench|databases|operations|security).test.ts', 'test/admin/!(concurrent-settings).test.ts', 'test/scim/*.test.ts', 'test/wire/!(postgres).test.ts', 'test/stores/!(pglite).test.ts'],
    // A test stopped at its first failure would leave its PostgreSQL data behind.
    forceBail: false
  },
  // A surviving mutant runs every test, concurrently with another mutant: with 1.5 it counted as timed out.
  timeoutFactor: 3,
  coverageAnalysis: 'perTest',
  concurrency: 2,
  thresholds: { high: 100, low: 95, break: 95 },
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false },
  htmlReporter: { fileName: '.tap/mutation/report.html' },
  jsonReporter: { fileName: '.tap/mutation/report.json' },
  tempDirName: '.tap/stryker'
}
