/* client-go lease-based leader election, two replicas, discrete time (one tick = 1 s).
 * One process, one guarded d_step an event, so that only whole events are interleaved.
 *
 * Build flags (spin -a -DX=...; they are macros of the model, not of pan.c):
 *   LD RD RP JIT      client-go's three durations in ticks (15 10 2), and the largest extra wait (3)
 *   SAME=0|1|2        a write with the same second in renewTime as the stored record of the same holder:
 *                     0 (default) identical object: accepted, version unchanged
 *                     1 same content to client-go, but a new version (microseconds differ on the wire)
 *                     2 different content and a new version (renewTime compared exactly)
 *   LATE_RESPONSE     answers may take any time, too
 *   DEADLINE_FIRST    at the deadline's instant the deadline always precedes the answer (as elector.rs does)
 *   LAZY_WAIT         the wait after a failed acquire attempt is chosen when it ends, not when it begins
 *   TRACE             prints what happens when a trail is replayed
 *   NO_CRASH NO_RESTART CRASH_GONE   environment
 *   REACH=n           replaces the property by "n never happens"; n is listed at the end
 */
#ifndef LD
#define LD 15
#endif
#ifndef RD
#define RD 10
#endif
#ifndef RP
#define RP 2
#endif
#ifndef JIT
#define JIT 3
#endif
#ifndef SAME
#define SAME 0
#endif
#ifndef REACH
#define REACH 0
#endif
#if LD > 31 || RD > 15 || RP + JIT > 15
#error "the fields tm and age are 4 and 5 bits wide"
#endif

#if SAME == 2
#define TIMED 0           /* nothing depends on renewTime: rs sn onow ors fresh stay 0 */
#else
#define TIMED 1
#endif

/* phases. The last three have a request in flight or answered. */
#define GONE  0   /* returned for good */
#define DOWN  1   /* crashed, may be restarted */
#define WAIT  2   /* candidate between attempts: tm ticks to go */
#define REST  3   /* leader between rounds: tm ticks to go */
#define RIDLE 4   /* leader in a round, no attempt: tm ticks to the deadline */
#define GET   5
#define FAST  6   /* Update with the remembered version */
#define UPD   7   /* Update with the fetched version, or Create (= Update that expects absence) */
/* answers */
#define OK    1   /* written */
#define NO    2   /* Conflict or AlreadyExists */
#define NF    3   /* read: absent */
#define OCHG  4   /* read: held by the other, content not that last fetched */
#define OSAME 5   /* read: held by the other, content as last fetched */
#define MCHG  6   /* read: held by me, ditto */
#define MSAME 7
/* observed holder */
#define NOBODY 0  /* nothing observed, or something of the other's that is no longer current */
#define OTHER  1  /* the current record, the other's */
#define ME     2

typedef Rep {
  bit lead;               /* may act */
  unsigned ph  : 3 = GET; /* both start at tick 0 */
  unsigned an  : 3;       /* the answer that waits to be handled; 0: none */
  unsigned tm  : 4;       /* WAIT, REST: ticks left; leader otherwise: ticks to the round's deadline */
  bit kept;               /* a ticker's tick is pending */
  bit ev;                 /* the request's expected version, or the answer's version, is the current one */
  bit rs;                 /* the current record is mine and has this attempt's second as renewTime */
  bit sn = TIMED;         /* this attempt started in this tick */
  bit ex;                 /* the observation had expired when this attempt started */
  unsigned oh  : 2;       /* observed holder */
  unsigned age : 5;       /* ticks since the observation, at most LD */
  bit ver;                /* oh == ME: the remembered version is the current one */
  bit fet;                /* the last fetched content is the current one */
  bit orp;                /* a write that nobody waits for is under way and would be accepted */
  bit onow;               /* ... its renewTime is this tick */
  bit ors;                /* ... its renewTime is the running attempt's */
#if SAME == 1
  bit osame;              /* ... its content is the current one */
  bit cc;                 /* the content in the answer is the current one */
#endif
#if REACH
  bit again, died
#endif
}

Rep r[2];
unsigned holder : 2;      /* 0: no Lease; else replica + 1 */
bit fresh;                /* the record's renewTime is this tick */
bit crashed;              /* the one crash has been used */
#if REACH
bit leaderDied
#endif

#define R r[i]              /* in the inlines only, where i is a parameter */
#define busy(i)   (r[i].ph >= GET)
#define flying(i) (r[i].ph >= GET && r[i].an == 0)
#define round(i)  (r[i].lead && r[i].ph != REST)
#define late(i)   (r[i].lead && r[i].ph != REST && r[i].tm == 0)
/* The answer ends a candidate's attempt. */
#define fails(i)  (!r[i].lead && ((r[i].an == NO && r[i].ph == UPD) || r[i].an == OCHG || (r[i].an == OSAME && !r[i].ex)))

#ifdef DEADLINE_FIRST
#define mayAnswer(i) (!late(i))
#else
#define mayAnswer(i) (!late(i) || r[i].an == OK)   /* anything else than success ends in the loss, too */
#endif
#ifdef LATE_RESPONSE
#define answered(i) false
#else
#define answered(i) (r[i].an != 0)
#endif
#ifdef CRASH_GONE
#define mortal(i) (r[i].ph != DOWN)
#else
#define mortal(i) (r[i].ph > DOWN)
#endif
#ifdef LAZY_WAIT
#define due(i) (r[i].ph == WAIT && r[i].tm <= JIT)
#else
#define due(i) (r[i].ph == WAIT && r[i].tm == 0)
#endif

/* Something that happens before time goes on. */
#define urgent(i) (answered(i) || late(i) || ((r[i].ph == WAIT || r[i].ph == REST) && r[i].tm == 0) || (r[i].ph == RIDLE && r[i].kept))

#if SAME == 1
#define NO_ANSWER R.an = 0; R.cc = 0
#else
#define NO_ANSWER R.an = 0
#endif
inline endAttempt(i) { NO_ANSWER; R.ev = 0; R.rs = 0; R.sn = 0; R.ex = 0; R.ors = 0 }

inline beginAttempt(i) {
  NO_ANSWER;
  R.rs = (holder == i + 1 && fresh);
  R.sn = TIMED;
  R.ors = (R.orp && R.onow);
  if
  :: R.oh == ME && R.age < LD -> R.ph = FAST; R.ev = R.ver; R.ex = 0
  :: else -> R.ph = GET; R.ev = 0; R.ex = (R.oh == OTHER && R.age == LD)
  fi
}

inline beginRound(i) { R.tm = RD; R.kept = 0; beginAttempt(i) }

/* The request in flight, if it is a write that may still do something, goes on without its sender. */
inline stop(i, how) {
  if
#if SAME == 0
  :: flying(i) && R.ev && !R.rs ->
#else
  :: flying(i) && R.ev ->
#endif
     assert(!R.orp && R.ph != GET);
     R.orp = 1; R.onow = R.sn;
#if SAME == 1
     R.osame = R.rs
#endif
  :: else
  fi;
#if REACH
  R.died = (how == DOWN);
#endif
  R.ph = how; R.lead = 0; R.tm = 0; R.kept = 0;
  R.oh = NOBODY; R.age = 0; R.ver = 0; R.fet = 0;
  endAttempt(i)
}

/* The stored object's version changes: what anybody remembers, expects or was answered is out of date. */
inline newVersion(i) {
#if SAME == 1
  R.osame = 0;
#endif
  R.ev = 0; R.ver = 0; R.orp = 0; R.onow = 0; R.ors = 0
}
/* ... and its content. */
inline newContent(i) {
  R.rs = 0; R.fet = 0;
#if SAME == 1
  R.osame = 0; R.cc = 0;
#endif
  if :: R.an == 0 -> R.ex = 0 :: else fi;
  if :: R.oh == OTHER -> R.oh = NOBODY; R.age = 0 :: else fi
}

#if SAME == 1
#define CURRENT R.cc
#else
#define CURRENT R.ev
#endif

/* What was read becomes the observation. */
inline observe(i) {
  if
  :: R.an == OCHG ->
     R.age = 0; R.fet = CURRENT; R.ver = 0;
     if :: CURRENT -> R.oh = OTHER :: else -> R.oh = NOBODY fi
  :: R.an == MCHG -> R.age = 0; R.fet = CURRENT; R.ver = R.ev; R.oh = ME
#if SAME == 1
  :: R.an == MSAME -> R.ver = R.ev
#endif
  :: else
  fi
}
inline serve(i, j) {
  if
  :: R.ph == GET ->
     if
     :: holder == 0     -> R.an = NF
     :: holder == i + 1 -> R.an = MCHG + R.fet
     :: else            -> R.an = OCHG + R.fet
     fi;
#if SAME == 1
     R.cc = (holder != 0);
#endif
     R.ev = 1
  :: R.ph != GET && !R.ev -> R.an = NO
  :: R.ph != GET && R.ev ->
     R.an = OK;
#if SAME < 2
     if
     :: R.rs ->
#if SAME == 1
        newVersion(i); newVersion(j); R.ev = 1
#else
        skip
#endif
     :: else ->
#endif
        newVersion(i); newVersion(j); newContent(i); newContent(j);
        holder = i + 1; R.ev = 1
#if SAME < 2
        ; fresh = R.sn
     fi;
     R.rs = 0
#endif
  fi
}

inline applyLate(i, j) {
#if REACH == 4
  assert(!(R.died && R.ph == DOWN));
#elif REACH == 5
  assert(R.ph != GONE);
#elif REACH == 12
  assert(!(R.died && R.ph > DOWN));
#endif
#if SAME == 1
  if :: R.osame -> R.osame = 0 :: else ->
#endif
  newContent(i); newContent(j);
  holder = i + 1;
#if SAME < 2
  fresh = R.onow; R.rs = R.ors;
#endif
#if SAME == 1
  fi;
#endif
  newVersion(i); newVersion(j)
}

inline answer(i) {
#if REACH == 7
  assert(!(R.lead && R.ph == UPD && R.an == OK));
#elif REACH == 13
  assert(!(R.an == OK && R.lead && late(i)));
#endif
  if
  :: R.an == OK ->
     R.oh = ME; R.age = 0; R.ver = R.ev;
     if
     :: R.lead -> R.ph = REST; R.tm = RP; R.kept = 0; endAttempt(i)
     :: else -> R.lead = 1; beginRound(i)
     fi
  :: R.an == NO && R.ph == FAST -> R.ph = GET; NO_ANSWER; R.ev = 0
  :: R.an == NF || R.an == MCHG || R.an == MSAME || (R.an == OSAME && R.ex) ->
     observe(i); R.ph = UPD; NO_ANSWER; R.ex = 0
  :: else ->                               /* a leader's attempt has failed */
     observe(i); endAttempt(i);
     if
     :: R.kept -> R.kept = 0; beginAttempt(i)
     :: else -> R.ph = RIDLE
     fi
  fi
}

inline fail(i, t) { observe(i); endAttempt(i); R.ph = WAIT; R.tm = t }

inline pass(i) {
  if :: R.oh != NOBODY && R.age < LD -> R.age = R.age + 1 :: else fi;
  if
  :: R.ph == WAIT || R.ph == REST -> R.tm = R.tm - 1
  :: R.lead && R.ph >= RIDLE ->
     R.tm = R.tm - 1;
     if :: R.tm == 0 -> R.kept = 0                 /* the deadline makes it moot */
        :: R.tm > 0 && (RD - R.tm) % RP == 0 -> R.kept = 1
        :: else fi
  :: else
  fi;
  R.sn = 0; R.onow = 0
}

#if REACH
#define LEADER_DIED(i) if :: r[i].lead -> leaderDied = 1 :: else fi;
#define AGAIN(i) r[i].again = 1;
#else
#define LEADER_DIED(i)
#define AGAIN(i)
#endif

#ifdef TRACE
#define SAY(i, what) printf("%d ", i); printf(what); \
  printf(": lead %d ph %d an %d tm %d kept %d ev %d | oh %d age %d ver %d fet %d | orp %d | holder %d\n", \
    r[i].lead, r[i].ph, r[i].an, r[i].tm, r[i].kept, r[i].ev, r[i].oh, r[i].age, r[i].ver, r[i].fet, r[i].orp, holder)
#else
#define SAY(i, what) skip
#endif

#define FAIL(i, t) :: d_step { fails(i) -> fail(i, t); SAY(i, "attempt failed") }

/* RP + 0..JIT */
#ifdef LAZY_WAIT
#define FAILS(i) FAIL(i, RP + JIT)
#elif JIT == 3
#define FAILS(i) FAIL(i, RP) FAIL(i, RP + 1) FAIL(i, RP + 2) FAIL(i, RP + 3)
#elif JIT == 0
#define FAILS(i) FAIL(i, RP)
#else
#error "write FAILS for this JIT"
#endif

#ifdef NO_CRASH
#define CRASH(i)
#else
#define CRASH(i) \
  :: d_step { !crashed && mortal(i) -> LEADER_DIED(i) crashed = 1; stop(i, DOWN); SAY(i, "crash") }
#endif
#if defined(NO_CRASH) || defined(NO_RESTART)
#define RESTART(i)
#else
#define RESTART(i) \
  :: d_step { r[i].ph == DOWN -> AGAIN(i) beginAttempt(i); SAY(i, "restart") }
#endif

#define EVENTS(i, j) \
  :: d_step { flying(i) -> serve(i, j); SAY(i, "server") } \
  :: d_step { r[i].an != 0 && !fails(i) && mayAnswer(i) -> answer(i); SAY(i, "answer") } \
  FAILS(i) \
  :: d_step { late(i) -> stop(i, GONE); SAY(i, "deadline") } \
  :: d_step { due(i) -> R0(i) beginAttempt(i); SAY(i, "poll") } \
  :: d_step { r[i].ph == REST && r[i].tm == 0 -> beginRound(i); SAY(i, "round") } \
  :: d_step { r[i].ph == RIDLE && r[i].kept -> r[i].kept = 0; beginAttempt(i); SAY(i, "retry") } \
  :: d_step { r[i].orp -> applyLate(i, j); SAY(i, "late write") } \
  CRASH(i) RESTART(i)
#define R0(i) r[i].tm = 0;

#define BOTH (r[0].lead && r[1].lead)
#if REACH == 1                       /* 0 leads */
#define BAD r[0].lead
#elif REACH == 2                     /* 1 leads */
#define BAD r[1].lead
#elif REACH == 3                     /* a leader crashed, then the other led */
#define BAD (leaderDied && ((r[0].ph == DOWN && r[1].lead) || (r[1].ph == DOWN && r[0].lead)))
/* 4: a write is applied while its sender, which crashed, is down.   5: ... after its sender gave up */
#elif REACH == 6                     /* the restarted one leads */
#define BAD ((r[0].again && r[0].lead) || (r[1].again && r[1].lead))
/* 7: a leader renews by Get and Update */
#elif REACH == 8                     /* two lead at one instant (not over a tick) */
#define BAD BOTH
#elif REACH == 9                     /* one gave up, then the other led */
#define BAD ((r[0].ph == GONE && r[1].lead) || (r[1].ph == GONE && r[0].lead))
/* 12: a dead one's write is applied after its restart.   13: a renewal is answered at the deadline's instant */
#else
#define BAD false
#endif

active proctype Election() {
  do
#ifdef DUMP                          /* for the cross-check: every state once, nothing else (SAME 0 and 2) */
  :: c_expr { (fprintf(stderr, "%d %d %d | %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d | %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d\n", now.holder, now.fresh, now.crashed, now.r[0].lead, now.r[0].ph, now.r[0].an, now.r[0].tm, now.r[0].kept, now.r[0].ev, now.r[0].rs, now.r[0].sn, now.r[0].ex, now.r[0].oh, now.r[0].age, now.r[0].ver, now.r[0].fet, now.r[0].orp, now.r[0].onow, now.r[0].ors, now.r[1].lead, now.r[1].ph, now.r[1].an, now.r[1].tm, now.r[1].kept, now.r[1].ev, now.r[1].rs, now.r[1].sn, now.r[1].ex, now.r[1].oh, now.r[1].age, now.r[1].ver, now.r[1].fet, now.r[1].orp, now.r[1].onow, now.r[1].ors), 0) } -> skip
#endif
  EVENTS(0, 1)
  EVENTS(1, 0)
#if REACH
  :: d_step { BAD -> assert(false) }
#endif
  :: d_step {
       !urgent(0) && !urgent(1) ->
#if !REACH
       assert(!BOTH);                /* the property: nobody acts over a tick beside another */
#endif
       pass(0); pass(1); fresh = 0;
#ifdef TRACE
       printf("---- tick\n")
#else
       skip
#endif
     }
  od
}
