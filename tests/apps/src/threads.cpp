// SPDX-License-Identifier: Apache-2.0
// Threads, exceptions across frames, atomics, condition variables, locale-free streams.
#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static int deep(int n)
{
    if (n == 0)
        throw std::runtime_error("from the deep");
    return deep(n - 1) + 1;
}

int main()
{
    std::atomic<long> sum{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&sum, i] {
            for (int k = 0; k < 100000; k++)
                sum += i;
        });
    for (auto &t : threads)
        t.join();
    std::cout << "sum " << sum << "\n";
    try {
        deep(50);
    } catch (const std::exception &e) {
        std::cout << "caught " << e.what() << "\n";
    }
    std::mutex m;
    std::condition_variable cv;
    int turn = 0, rounds = 0;
    auto play = [&](int me) {
        for (int i = 0; i < 1000; i++) {
            std::unique_lock<std::mutex> lock(m);
            cv.wait(lock, [&] { return turn == me; });
            turn = 1 - me;
            rounds++;
            cv.notify_all();
        }
    };
    std::thread a(play, 0), b(play, 1);
    a.join();
    b.join();
    std::cout << "rounds " << rounds << std::endl;
    return 2;
}
