// SPDX-License-Identifier: MIT

// The programs of rimbench in CAF 0.17: actors THREADS NAME. Prints one number, in the unit of the row of the same name
// (bench/compare); of round trips also p50, p99, p99.9 and p99.99.
#include <caf/all.hpp>

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <vector>

using namespace caf;
using up_atom = atom_constant<atom("up")>;
using total_atom = atom_constant<atom("total")>;
using over_atom = atom_constant<atom("over")>;
using ping_atom = atom_constant<atom("ping")>;
using pong_atom = atom_constant<atom("pong")>;
using work_atom = atom_constant<atom("work")>;
using hop_atom = atom_constant<atom("hop")>;
using join_atom = atom_constant<atom("join")>;
using sum_atom = atom_constant<atom("sum")>;
using meet_atom = atom_constant<atom("meet")>;
using met_atom = atom_constant<atom("met")>;
using change_atom = atom_constant<atom("change")>;
using closed_atom = atom_constant<atom("closed")>;
using tally_atom = atom_constant<atom("tally")>;

namespace {

using clock_type = std::chrono::steady_clock;

double timed(const std::function<void()>& f) {
  auto begin = clock_type::now();
  f();
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

// ---- ping-pong, counting, mailbox ----

behavior echo(event_based_actor*) {
  return {[](ping_atom) { return pong_atom::value; }};
}

struct count_state {
  uint64_t count = 0;
};

// Looks at the clock after each group of round trips.
struct laps {
  uint64_t group, wanted, count = 0;
  clock_type::time_point last = clock_type::now();
  std::vector<double> nanoseconds;

  // False when all have been counted.
  bool lap() {
    if (++count % group == 0) {
      auto now = clock_type::now();
      nanoseconds.push_back(std::chrono::duration<double, std::nano>(now - last).count() / group);
      last = now;
    }
    return count < wanted;
  }

  // The median as the value, and the percentiles.
  std::vector<double> tell(double scale) {
    std::vector<double> told;
    std::sort(nanoseconds.begin(), nanoseconds.end());
    for (double share : {0.5, 0.5, 0.99, 0.999, 0.9999})
      told.push_back(nanoseconds[static_cast<size_t>(share * (nanoseconds.size() - 1))] * scale);
    return told;
  }
};

behavior pinger(event_based_actor* self, actor to, actor root, laps* counted) {
  self->send(to, ping_atom::value);
  return {[=](pong_atom) {
    if (counted->lap())
      self->send(to, ping_atom::value);
    else
      self->send(root, over_atom::value);
  }};
}

behavior asker(event_based_actor* self, actor to, actor root, laps* counted) {
  self->send(self, work_atom::value);
  return {[=](work_atom) {
    self->request(to, std::chrono::seconds(10), ping_atom::value).then([=](pong_atom) {
      if (counted->lap())
        self->send(self, work_atom::value);
      else
        self->send(root, over_atom::value);
    });
  }};
}

behavior sink(stateful_actor<count_state>* self, actor root, uint64_t wanted) {
  return {[=](up_atom) {
    if (++self->state.count == wanted)
      self->send(root, over_atom::value);
  }};
}

std::vector<double> ping_pong(actor_system& system) {
  laps counted{64, 1000000};
  scoped_actor self{system};
  system.spawn(pinger, system.spawn(echo), actor_cast<actor>(self), &counted);
  self->receive([](over_atom) {});
  return counted.tell(1);
}

// Two CPUs, as ours are pinned to: on one they would wake each other at less cost, and take turns.
void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

behavior pinned_echo(event_based_actor* self) {
  pin(1);
  return echo(self);
}

behavior pinned_pinger(event_based_actor* self, actor to, actor root, laps* counted) {
  pin(0);
  return pinger(self, to, root, counted);
}

// A detached actor has a thread of its own, which sleeps while there is nothing.
std::vector<double> wake(actor_system& system) {
  laps counted{1, 10000};
  scoped_actor self{system};
  system.spawn<detached>(pinned_pinger, system.spawn<detached>(pinned_echo), actor_cast<actor>(self), &counted);
  self->receive([](over_atom) {});
  return counted.tell(1e-3);
}

std::vector<double> request(actor_system& system) {
  laps counted{64, 300000};
  scoped_actor self{system};
  system.spawn(asker, system.spawn(echo), actor_cast<actor>(self), &counted);
  self->receive([](over_atom) {});
  return counted.tell(1);
}

behavior subscriber(event_based_actor* self, actor root) {
  return {[=](up_atom) { self->send(root, over_atom::value); }};
}

behavior quiet_subscriber(event_based_actor*) {
  return {[](up_atom) {}};
}

double publish(actor_system& system) {
  const size_t members = 1000, n = 200;
  scoped_actor self{system};
  std::vector<actor> all;
  for (size_t i = 1; i < members; i++)
    all.push_back(system.spawn(quiet_subscriber));
  all.push_back(system.spawn(subscriber, actor_cast<actor>(self)));
  double seconds = timed([&] {
    for (size_t i = 0; i < n; i++) {
      for (auto& one : all)
        self->send(one, up_atom::value);
      self->receive([](over_atom) {});
    }
  });
  for (auto& one : all)
    anon_send_exit(one, exit_reason::user_shutdown);
  return seconds * 1e9 / (members * n);
}

// A system is made, an actor answers, and all of it ends.
std::vector<double> start(size_t threads, bool stops) {
  laps counted{1, 0};
  for (int i = 0; i < 100; i++) {
    auto begin = clock_type::now();
    clock_type::time_point there;
    {
      actor_system_config config;
      config.set("scheduler.max-threads", threads);
      actor_system system{config};
      {
        scoped_actor self{system};
        self->request(system.spawn(echo), infinite, ping_atom::value).receive([](pong_atom) {}, [](error&) {});
      }
      there = clock_type::now();
    }
    auto took = stops ? clock_type::now() - there : there - begin;
    counted.nanoseconds.push_back(std::chrono::duration<double, std::nano>(took).count());
  }
  return counted.tell(1e-3);
}

double mailbox(actor_system& system, uint64_t senders, uint64_t n) {
  scoped_actor self{system};
  auto to = system.spawn(sink, actor_cast<actor>(self), senders * n);
  return senders * n / timed([&] {
           for (uint64_t i = 0; i < senders; i++)
             system.spawn([=](event_based_actor* sender) {
               for (uint64_t k = 0; k < n; k++)
                 sender->send(to, up_atom::value);
             });
           self->receive([](over_atom) {});
         })
         / 1e6;
}

// ---- thread-ring ----

behavior member(event_based_actor* self, actor next, actor root) {
  return {[=](hop_atom, uint64_t left) {
            if (left == 0)
              self->send(root, over_atom::value);
            else
              self->send(next, hop_atom::value, left - 1);
          }};
}

behavior first_member(event_based_actor* self, actor root) {
  return {[=](join_atom, actor next) { self->become(member(self, next, root)); }};
}

double thread_ring(actor_system& system, int actors, uint64_t hops) {
  scoped_actor self{system};
  auto root = actor_cast<actor>(self);
  auto first = system.spawn(first_member, root);
  auto next = first;
  for (int i = 1; i < actors; i++)
    next = system.spawn(member, next, root);
  self->send(first, join_atom::value, next);
  double seconds = timed([&] {
    self->send(first, hop_atom::value, hops);
    self->receive([](over_atom) {});
  });
  self->send_exit(first, exit_reason::user_shutdown);
  return hops / seconds / 1e6;
}

// ---- trees ----

struct tree_state {
  uint64_t sum = 0;
  uint64_t waiting = 0;
};

behavior node(stateful_actor<tree_state>* self, actor parent, uint64_t first, uint64_t leaves, uint64_t children) {
  if (leaves == 1) {
    self->send(parent, sum_atom::value, first);
    return {};
  }
  for (uint64_t i = 0; i < children; i++)
    self->spawn(node, actor_cast<actor>(self), first + i * (leaves / children), leaves / children, children);
  self->state.waiting = children;
  return {[=](sum_atom, uint64_t part) {
    self->state.sum += part;
    if (--self->state.waiting == 0) {
      self->send(parent, sum_atom::value, self->state.sum);
      self->quit();
    }
  }};
}

double grow(actor_system& system, uint64_t leaves, uint64_t children) {
  scoped_actor self{system};
  return timed([&] {
    system.spawn(node, actor_cast<actor>(self), uint64_t{0}, leaves, children);
    self->receive([=](sum_atom, uint64_t sum) {
      if (sum != leaves * (leaves - 1) / 2)
        abort();
    });
  });
}

// ---- fork-join ----

behavior worker(stateful_actor<count_state>* self, actor root, uint64_t wanted) {
  return {[=](work_atom, double theta) {
    double sine = std::sin(theta);
    if (sine * sine <= 0)
      abort();
    if (++self->state.count == wanted) {
      self->send(root, over_atom::value);
      self->quit();
    }
  }};
}

double fork_join(actor_system& system) {
  const uint64_t workers = 60, n = 10000;
  scoped_actor self{system};
  return workers * n / timed([&] {
           std::vector<actor> all;
           for (uint64_t i = 0; i < workers; i++)
             all.push_back(system.spawn(worker, actor_cast<actor>(self), n));
           for (uint64_t i = 0; i < n; i++)
             for (auto& to : all)
               self->send(to, work_atom::value, 37.2);
           for (uint64_t i = 0; i < workers; i++)
             self->receive([](over_atom) {});
         })
         / 1e6;
}

// ---- chameneos ----

int complement(int a, int b) {
  return a == b ? a : 3 - a - b;
}

struct creature_state {
  int colour = 0;
  uint64_t meetings = 0;
};

behavior creature(stateful_actor<creature_state>* self, actor mall, int colour) {
  self->state.colour = colour;
  self->send(mall, meet_atom::value, colour);
  return {
    [=](met_atom, int theirs, const actor& who) {
      self->state.colour = complement(self->state.colour, theirs);
      self->state.meetings++;
      self->send(who, change_atom::value, self->state.colour);
      self->send(mall, meet_atom::value, self->state.colour);
    },
    [=](change_atom, int mine) {
      self->state.colour = mine;
      self->state.meetings++;
      self->send(mall, meet_atom::value, mine);
    },
    [=](closed_atom) {
      self->send(mall, tally_atom::value, self->state.meetings);
      self->quit();
    },
  };
}

struct mall_state {
  actor waiting;
  uint64_t meetings = 0, tallies = 0, sum = 0;
};

behavior mall(stateful_actor<mall_state>* self, actor root, uint64_t meetings, uint64_t creatures) {
  for (uint64_t i = 0; i < creatures; i++)
    self->spawn(creature, actor_cast<actor>(self), static_cast<int>(i % 3));
  return {
    [=](meet_atom, int colour) {
      auto who = actor_cast<actor>(self->current_sender());
      auto& state = self->state;
      if (state.meetings == meetings) {
        self->send(who, closed_atom::value);
      } else if (!state.waiting) {
        state.waiting = who;
      } else {
        self->send(state.waiting, met_atom::value, colour, who);
        state.waiting = nullptr;
        state.meetings++;
      }
    },
    [=](tally_atom, uint64_t met) {
      self->state.sum += met;
      if (++self->state.tallies == creatures) {
        if (self->state.sum != 2 * meetings)
          abort();
        self->send(root, over_atom::value);
        self->quit();
      }
    },
  };
}

double chameneos(actor_system& system) {
  const uint64_t meetings = 200000;
  scoped_actor self{system};
  return meetings / timed([&] {
           system.spawn(mall, actor_cast<actor>(self), meetings, uint64_t{100});
           self->receive([](over_atom) {});
         })
         / 1e6;
}

// ---- big and ubench ----

struct crowd_state {
  std::vector<actor> all;
  std::minstd_rand dice;
  uint64_t left = 0;

  const actor& someone() {
    return all[dice() % all.size()];
  }
};

behavior big_member(stateful_actor<crowd_state>* self, actor root, uint64_t n) {
  self->state.left = n;
  self->state.dice.seed(static_cast<unsigned>(self->id()));
  return {
    [=](join_atom, const std::vector<actor>& all) {
      self->state.all = all;
      self->send(self->state.someone(), ping_atom::value);
    },
    [=](ping_atom) { self->send(actor_cast<actor>(self->current_sender()), pong_atom::value); },
    [=](pong_atom) {
      if (--self->state.left > 0)
        self->send(self->state.someone(), ping_atom::value);
      else
        self->send(root, over_atom::value);
    },
    [=](over_atom) {
      self->state.all.clear();
      self->quit();
    },
  };
}

behavior ubench_member(stateful_actor<crowd_state>* self, actor root, uint64_t hops) {
  self->state.dice.seed(static_cast<unsigned>(self->id()));
  return {
    [=](join_atom, const std::vector<actor>& all) {
      self->state.all = all;
      for (int i = 0; i < 5; i++)
        self->send(self->state.someone(), hop_atom::value, hops);
    },
    [=](hop_atom, uint64_t left) {
      if (left > 1)
        self->send(self->state.someone(), hop_atom::value, left - 1);
      else
        self->send(root, over_atom::value);
    },
    [=](over_atom) {
      self->state.all.clear();
      self->quit();
    },
  };
}

template <class Member>
double crowd(actor_system& system, Member member, size_t actors, uint64_t each, uint64_t overs, uint64_t count) {
  scoped_actor self{system};
  std::vector<actor> all;
  double seconds = timed([&] {
    for (size_t i = 0; i < actors; i++)
      all.push_back(system.spawn(member, actor_cast<actor>(self), each));
    for (auto& one : all)
      self->send(one, join_atom::value, all);
    for (uint64_t i = 0; i < overs; i++)
      self->receive([](over_atom) {});
  });
  for (auto& one : all)
    self->send(one, over_atom::value);
  return static_cast<double>(count) / seconds / 1e6;
}

// ---- spawn, idle-actor ----

behavior short_lived(event_based_actor* self, actor root) {
  return {[=](work_atom) {
    self->send(root, over_atom::value);
    self->quit();
  }};
}

double spawn_one_by_one(actor_system& system) {
  const uint64_t n = 200000;
  scoped_actor self{system};
  return n / timed([&] {
           for (uint64_t i = 0; i < n; i++) {
             self->send(system.spawn(short_lived, actor_cast<actor>(self)), work_atom::value);
             self->receive([](over_atom) {});
           }
         })
         / 1e6;
}

double resident() {
  unsigned long total = 0, pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (fscanf(file, "%lu %lu", &total, &pages) != 2)
    pages = 0;
  fclose(file);
  return static_cast<double>(pages) * 4096;
}

struct idle_state {
  uint64_t numbers[2] = {0, 0};
};

behavior idle(stateful_actor<idle_state>* self) {
  return {[=](over_atom) { self->quit(); }};
}

// Twice what the sink can do: what memory grows by.
struct flood_state {
  uint64_t taken = 0;
  double before = 0;
  double most = 0;
};

const uint64_t flood_messages = 1000000;

behavior slow_sink(stateful_actor<flood_state>* self, actor root) {
  return {[=](const std::string&) {
    auto& state = self->state;
    for (auto until = clock_type::now() + std::chrono::nanoseconds(500); clock_type::now() < until;) {
    }
    if (state.taken++ % (flood_messages / 64) == 0) {
      double now = resident();
      state.before = state.taken == 1 ? now : state.before;
      state.most = std::max(state.most, now);
    }
    if (state.taken == flood_messages)
      self->send(root, state.most - state.before);
  }};
}

double flood(actor_system& system) {
  scoped_actor self{system};
  double bytes = 0;
  auto to = system.spawn(slow_sink, actor_cast<actor>(self));
  system.spawn([=](event_based_actor* sender) {
    for (uint64_t i = 0; i < flood_messages; i++)
      sender->send(to, std::string(256, 'x'));
  });
  self->receive([&](double grown) { bytes = grown; });
  return bytes / 1048576;
}

double idle_actor(actor_system& system) {
  const size_t n = 100000;
  double before = resident();
  std::vector<actor> all;
  for (size_t i = 0; i < n; i++)
    all.push_back(system.spawn(idle));
  double bytes = (resident() - before) / n;
  for (auto& one : all)
    anon_send(one, over_atom::value);
  return bytes;
}

} // namespace

namespace {

void print(const std::vector<double>& told) {
  for (double value : told)
    std::cout << value << ' ';
  std::cout << std::endl;
}

} // namespace

int main(int, char** argv) {
  size_t threads = static_cast<size_t>(atoi(argv[1]));
  std::string name = argv[2];
  if (name == "start" || name == "stop") {
    print(start(threads, name == "stop"));
    return 0;
  }
  actor_system_config config;
  config.set("scheduler.max-threads", threads);
  actor_system system{config};
  using values = std::vector<double>;
  std::map<std::string, std::function<values()>> programs{
    {"ping-pong", [&] { return ping_pong(system); }},
    {"wake", [&] { return wake(system); }},
    {"request", [&] { return request(system); }},
    {"publish", [&] { return values{publish(system)}; }},
    {"counting", [&] { return values{mailbox(system, 1, 1000000)}; }},
    {"mailbox", [&] { return values{mailbox(system, 20, 1000000)}; }},
    {"overload", [&] { return values{mailbox(system, 10000, 100)}; }},
    {"thread-ring", [&] { return values{thread_ring(system, 503, 5000000)}; }},
    {"ring-100", [&] { return values{thread_ring(system, 100, 100000)}; }},
    {"flood", [&] { return values{flood(system)}; }},
    {"creation", [&] { return values{(1 << 20) / grow(system, 1 << 19, 2) / 1e6}; }},
    {"skynet", [&] { return values{grow(system, 1000000, 10) * 1e3}; }},
    {"fork-join", [&] { return values{fork_join(system)}; }},
    {"chameneos", [&] { return values{chameneos(system)}; }},
    {"big", [&] { return values{crowd(system, big_member, 120, 20000, 120, 120 * 20000)}; }},
    {"ubench", [&] { return values{crowd(system, ubench_member, 8, 100000, 40, 40 * 100000)}; }},
    {"spawn", [&] { return values{spawn_one_by_one(system)}; }},
    {"idle-actor", [&] { return values{idle_actor(system)}; }},
  };
  auto program = programs.find(name);
  if (program == programs.end())
    return 1;
  print(program->second());
}
