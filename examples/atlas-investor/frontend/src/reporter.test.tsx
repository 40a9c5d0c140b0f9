// Errors on their way to Sentry; only the SDK is played.
// @vitest-environment happy-dom
import { createRoot } from "react-dom/client";
import { beforeEach, expect, test, vi } from "vitest";
import { PLAIN } from "./configuration";
import { Reporter } from "./reporter";

const REPORTED = { ...PLAIN, sentryDsn: "https://key@sentry.example.com/1" };
const sdk = {
  browserTracingIntegration: () => "tracing",
  captureReactException: vi.fn(),
  feedbackIntegration: () => "feedback",
  init: vi.fn(),
};
const imported = vi.fn();

beforeEach(() => {
  vi.resetModules();
  vi.clearAllMocks();
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.doMock("@sentry/react", () => {
    imported();
    return sdk;
  });
});

function goWrong(message: string): Error {
  const error = new Error(message);
  window.dispatchEvent(new ErrorEvent("error", { error, message }));
  return error;
}

function reject(message: string): Error {
  const reason = new Error(message);
  window.dispatchEvent(Object.assign(new Event("unhandledrejection"), { reason }));
  return reason;
}

function crash(reporter: Reporter): Promise<void> {
  function Broken(): never {
    throw new Error("broken");
  }
  createRoot(document.createElement("div"), { onUncaughtError: reporter.onUncaughtError }).render(
    <Broken />,
  );
  return new Promise((resolve) => setTimeout(resolve, 10));
}

test("without a DSN the SDK isn't imported", async () => {
  const reporter = new Reporter();
  goWrong("early");

  await reporter.start(PLAIN);
  await crash(reporter);

  expect(imported).not.toHaveBeenCalled();
});

test("with a DSN it reports for this release and this environment", async () => {
  await new Reporter().start({
    ...REPORTED,
    environment: "ignored",
    sentryRelease: "atlas-investor@0123",
    sentryEnvironment: "staging",
    sentryTracesSampleRate: 0.5,
  });

  expect(sdk.init).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({
      dsn: "https://key@sentry.example.com/1",
      release: "atlas-investor@0123",
      environment: "staging",
      tracesSampleRate: 0.5,
      dataCollection: expect.objectContaining({ userInfo: false }) as unknown,
      integrations: ["tracing", "feedback"],
    }),
  );
});

test("development is never taken for production", async () => {
  await new Reporter().start(REPORTED);

  expect(sdk.init).toHaveBeenCalledWith(expect.objectContaining({ environment: "development" }));
});

test("what went wrong before the SDK was there is reported then, and the rest is the SDK's", async () => {
  const reporter = new Reporter();
  const early = goWrong("early");
  const starting = reporter.start(REPORTED);
  const meanwhile = reject("meanwhile");
  expect(sdk.captureReactException).not.toHaveBeenCalled();

  await starting;
  goWrong("late");

  expect(sdk.captureReactException.mock.calls.map(([error]) => error)).toEqual([early, meanwhile]);
});

test("what React finds uncaught is reported with its components, early or late", async () => {
  const reporter = new Reporter();
  await crash(reporter);
  await reporter.start(REPORTED);
  await crash(reporter);

  const report = [
    expect.objectContaining({ message: "broken" }),
    expect.objectContaining({ componentStack: expect.stringContaining("Broken") }),
    { mechanism: expect.objectContaining({ handled: false }) },
  ];
  expect(sdk.captureReactException.mock.calls).toEqual([report, report]);
});

test("a page that can't load the SDK works without", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  sdk.init.mockImplementationOnce(() => {
    throw new Error("blocked");
  });

  await expect(new Reporter().start(REPORTED)).resolves.toBeUndefined();

  expect(warn).toHaveBeenCalledOnce();
});
